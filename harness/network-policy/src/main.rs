//! The enforcer as a program of its own, a small one.

fn main() -> anyhow::Result<()> {
    chartgate_network_policy::main()
}
