//! Work that needs no order, on as many threads as there are cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does a work on each item, several at the same time, and gives what came of them in the items' order.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    std::thread::scope(|scope| {
        for _ in 0..cores.min(items.len()) {
            scope.spawn(|| {
                while let Some((index, item)) = take(items, &next) {
                    let made = work(item);
                    // A panic of another worker ends the scope, too.
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, made));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, made)| made).collect()
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, items.get(index)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a report lists scenarios in the order in which they happened to be judged, or leaves one out.
    #[test]
    fn what_comes_is_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        let slow_first = |item: &usize| {
            std::hint::black_box((0..(100 - item) * 1000).sum::<usize>());
            item * 2
        };
        assert_eq!(map(&items, slow_first), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert!(map(&[] as &[u8], |_| 0).is_empty());
    }
}
