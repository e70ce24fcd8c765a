//! The mock as a program: `cargo run -p bursar-mock --example mock -- --listen 127.0.0.1:4000 --script FILE`.

#![expect(clippy::print_stdout, reason = "says where it listens")]

use bursar_mock::{Mock, Recorded, Script};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut listen: SocketAddr = ([127, 0, 0, 1], 0).into();
    let mut script = Script::default();
    let mut recorded = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--listen" => listen = value.parse()?,
            "--script" => script = Script::from_toml(&std::fs::read_to_string(value)?)?,
            "--recorded" => recorded = Some(Arc::new(Recorded::load(Path::new(&value))?)),
            _ => return Err(format!("unknown option {word}: --listen, --script, --recorded").into()),
        }
    }
    script.recorded = recorded;
    let mock = Mock::start_at(script, listen).await?;
    println!("{}", mock.addr());
    tokio::signal::ctrl_c().await?;
    mock.shutdown().await;
    Ok(())
}
