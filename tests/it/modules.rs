//! Which module of a crate calls which: none calls one that calls it back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support;
use crate::untyped::files_below;

/// A module's path in its crate; the crate's root is empty.
type Module = Vec<String>;

/// A failure would mean that of two modules beside each other neither can be read first: each calls functions of the other, or reads its
/// constants. Types may be known on both sides.
#[test]
fn modules_do_not_call_each_other_in_a_circle() {
    let mut circles = Vec::new();
    let roots = crate_roots();
    assert!(roots.len() > 10, "the crates are found: {roots:?}");
    let mut calls = 0;
    for root in roots {
        let found = Crate::read(&root).calls();
        calls += found.len();
        circles.extend(circles_of(&found).into_iter().map(|circle| format!("{}: {circle}", root.display())));
    }
    println!("{calls} calls between modules");
    assert!(calls > 500, "calls are found: {calls}");
    assert!(circles.is_empty(), "modules call each other in a circle:\n{}", circles.join("\n"));
}

/// A failure would mean that a circle goes unseen, or that two modules which know each other's types are taken for one.
#[test]
fn a_circle_is_seen_and_types_make_none() {
    let circles = |first: &str, second: &str| {
        let modules = [(Vec::new(), "mod a; mod b;"), (vec!["a".to_owned()], first), (vec!["b".to_owned()], second)];
        circles_of(&Crate::of(modules.map(|(path, code)| (path, code.to_owned())).into()).calls())
    };
    let seen = circles("use super::b::go; pub fn come() { go() }", "use crate::a;\npub fn go() { a::come() }");
    assert_eq!(seen, ["a → b (a: b::go) → a (b: a::come)"]);
    let by_constant = circles("use super::b::{B, LIMIT};", "use super::{a::come, self};");
    assert_eq!(by_constant.len(), 1, "{by_constant:?}");
    let types = circles("use super::b::B;\npub struct A(B);", "use super::a::A;\npub struct B(A); // super::a::come()");
    assert!(types.is_empty(), "{types:?}");
}

/// The folders of `harness/` that hold a crate's root.
fn crate_roots() -> Vec<PathBuf> {
    let files = files_below(&support::repository().join("harness"));
    let is_root = |file: &&PathBuf| ["lib.rs", "main.rs"].iter().any(|name| file.ends_with(name));
    let roots: BTreeSet<PathBuf> =
        files.iter().filter(is_root).filter_map(|file| Some(file.parent()?.into())).collect();
    roots.into_iter().collect()
}

/// A crate's modules, without tests.
struct Crate {
    /// The words of each module.
    modules: BTreeMap<Module, Vec<String>>,
}

/// Who calls whom, and with what.
type Calls = BTreeMap<(Module, Module), String>;

impl Crate {
    fn read(root: &Path) -> Self {
        let module = |file: PathBuf| {
            let code = std::fs::read_to_string(&file).expect("it is text");
            let path = file.strip_prefix(root).expect("it is below").with_extension("");
            let path = path.iter().map(|part| part.to_string_lossy().into_owned());
            (path.filter(|part| !["lib", "main", "mod"].contains(&part.as_str())).collect(), code)
        };
        Self::of(files_below(root).into_iter().map(module).collect())
    }

    fn of(modules: BTreeMap<Module, String>) -> Self {
        Self { modules: modules.into_iter().map(|(path, code)| (path, words(&code))).collect() }
    }

    fn calls(&self) -> Calls {
        let uses: BTreeMap<&Module, Vec<Use>> =
            self.modules.iter().map(|(module, words)| (module, self.uses(module, words))).collect();
        let mut calls = Calls::new();
        for (module, words) in &self.modules {
            let imported = uses[module].iter().map(|one| (one.module.clone(), one.rest.clone()));
            let written = paths(words).into_iter().filter_map(|path| {
                // What a `use` names is known by its last word.
                let named = uses[module].iter().find(|one| one.rest.is_empty() && one.module.last() == path.first());
                match named {
                    Some(named) => Some(self.descend(named.module.clone(), &path[1..])),
                    None => self.resolve(module, &path),
                }
            });
            for (mut target, mut rest) in imported.chain(written) {
                // Where it is passed on, what counts is where it is.
                for _ in 0..5 {
                    let passed = uses.get(&target).into_iter().flatten();
                    let mut passed = passed.filter(|one| one.is_public && one.rest.first() == rest.first());
                    let Some(next) = passed.next() else { break };
                    (target, rest) = (next.module.clone(), next.rest.clone());
                }
                if let Some(item) = rest.first().filter(|item| target != *module && !is_type(item)) {
                    let what = format!("{}: {}::{item}", module.join("::"), target.join("::"));
                    calls.entry((module.clone(), target)).or_insert(what);
                }
            }
        }
        calls
    }

    /// The module that a path begins with, and what is left of it; `None`: it begins with another crate.
    fn resolve(&self, from: &Module, path: &[String]) -> Option<(Module, Vec<String>)> {
        let mut base = from.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => (base, rest) = (Module::new(), &rest[1..]),
            "self" | "super" => {
                while let Some(word) = rest.first().filter(|word| ["self", "super"].contains(&word.as_str())) {
                    if word == "super" {
                        base.pop()?;
                    }
                    rest = &rest[1..];
                }
            }
            word => {
                base.push(word.to_owned());
                let is_child = self.modules.contains_key(&base);
                base.pop();
                is_child.then_some(())?;
            }
        }
        Some(self.descend(base, rest))
    }

    fn descend(&self, mut base: Module, mut rest: &[String]) -> (Module, Vec<String>) {
        while let Some(word) = rest.first() {
            base.push(word.clone());
            if !self.modules.contains_key(&base) {
                base.pop();
                break;
            }
            rest = &rest[1..];
        }
        (base, rest.to_vec())
    }

    fn uses(&self, module: &Module, words: &[String]) -> Vec<Use> {
        let mut uses = Vec::new();
        for (at, _) in words.iter().enumerate().filter(|(_, word)| *word == "use") {
            let end = words[at..].iter().position(|word| word == ";").map_or(words.len(), |end| at + end);
            let before = &words[at.saturating_sub(4)..at];
            let is_public =
                before.iter().rev().take_while(|word| !";}".contains(word.as_str())).any(|word| word == "pub");
            for path in spread(&words[at + 1..end]) {
                uses.extend(self.resolve(module, &path).map(|(module, rest)| Use { module, rest, is_public }));
            }
        }
        uses
    }
}

/// What a `use` brings: an item of a module, or the module.
struct Use {
    module: Module,
    rest: Vec<String>,
    is_public: bool,
}

/// The paths of a `use` with braces.
fn spread(words: &[String]) -> Vec<Vec<String>> {
    let Some(open) = words.iter().position(|word| word == "{") else {
        let path = words.iter().take_while(|word| *word != "as").filter(|word| *word != "::");
        return vec![path.cloned().collect()];
    };
    let before: Vec<String> = words[..open].iter().filter(|word| *word != "::").cloned().collect();
    let inside = &words[open + 1..words.len() - 1];
    let (mut depth, mut parts) = (0, vec![Vec::new()]);
    for word in inside {
        match word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("it begins with one").push(word.clone());
    }
    let parts = parts.iter().filter(|part| !part.is_empty()).flat_map(|part| spread(part));
    parts.map(|part| before.iter().cloned().chain(part.into_iter().filter(|word| word != "self")).collect()).collect()
}

/// Every path of two words or more, but for those of a `use`.
fn paths(words: &[String]) -> Vec<Vec<String>> {
    let (mut paths, mut at) = (Vec::new(), 0);
    while at < words.len() {
        if words[at] == "use" {
            at += words[at..].iter().position(|word| word == ";").unwrap_or(0);
        }
        let mut path = vec![words[at].clone()];
        while words.get(at + 1).is_some_and(|word| word == "::") && words.get(at + 2).is_some() {
            path.push(words[at + 2].clone());
            at += 2;
        }
        if path.len() > 1 {
            paths.push(path);
        }
        at += 1;
    }
    paths
}

/// Whether a name is a type's by its form, or nothing at all.
fn is_type(name: &str) -> bool {
    let is_constant = name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    name.starts_with(|c: char| !c.is_ascii_alphabetic() || c.is_ascii_uppercase()) && !is_constant
}

/// The words and signs of code, without comments, texts and the tests at its end.
fn words(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let (mut words, mut chars) = (Vec::new(), code.chars().peekable());
    while let Some(c) = chars.next() {
        if c == '/' && chars.peek() == Some(&'/') {
            chars.by_ref().find(|c| *c == '\n');
        } else if c == '"' {
            while let Some(c) = chars.next().filter(|c| *c != '"') {
                if c == '\\' {
                    chars.next();
                }
            }
        } else if c.is_ascii_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                word.push(c);
            }
            words.push(word);
        } else if c == ':' && chars.next_if_eq(&':').is_some() {
            words.push("::".to_owned());
        } else if c == '\'' {
            // A character, which may be a quote; a lifetime has no second sign.
            let mut ahead = chars.clone();
            let first = ahead.next();
            if first == Some('\\') || ahead.next() == Some('\'') {
                chars.next();
                chars.by_ref().find(|c| *c == '\'');
            }
        } else if !c.is_whitespace() {
            words.push(c.to_string());
        }
    }
    words
}

/// The circles of modules beside each other: those of one parent, each with all that is below it.
fn circles_of(calls: &Calls) -> Vec<String> {
    let mut beside: BTreeMap<Module, BTreeMap<(&str, &str), &str>> = BTreeMap::new();
    for ((from, to), what) in calls {
        let shared = from.iter().zip(to).take_while(|(from, to)| from == to).count();
        if let (Some(one), Some(other)) = (from.get(shared), to.get(shared)) {
            beside.entry(from[..shared].to_vec()).or_default().entry((one, other)).or_insert(what);
        }
    }
    beside.values().filter_map(|calls| circle(calls)).collect()
}

/// A circle among modules, if there is one.
fn circle(calls: &BTreeMap<(&str, &str), &str>) -> Option<String> {
    let all: BTreeSet<&str> = calls.keys().map(|(from, _)| *from).collect();
    all.into_iter().find_map(|start| {
        let (mut open, mut ways) = (vec![start], BTreeMap::from([(start, start.to_owned())]));
        while let Some(at) = open.pop() {
            for ((_, to), what) in calls.iter().filter(|((from, _), _)| *from == at) {
                let way = format!("{} → {to} ({what})", ways[at]);
                if *to == start {
                    return Some(way);
                }
                if !ways.contains_key(to) {
                    ways.insert(to, way);
                    open.push(to);
                }
            }
        }
        None
    })
}
