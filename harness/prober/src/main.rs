//! The prober as a program of its own, a small one.

fn main() -> anyhow::Result<()> {
    chartgate_prober::main()
}
