//! The demo provider as a process: `provider --port-file F --record F [--key K] [--seed N] [--whole]`.
//!
//! Writes its port to the port file once it listens, and appends each request to the record as a line of JSON,
//! `{"path","headers","body"}`, before it answers. Runs until it is killed.

use std::fs::{File, OpenOptions, rename, write};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use privet_demo::{Cuts, Provider, ProviderConfig, Recording};
use serde_json::{Map, Value, json};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut config = ProviderConfig::default();
    let mut port_file = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("`{arg}` needs a value"));
        match arg.as_str() {
            "--port-file" => port_file = Some(value()?),
            "--record" => {
                let file = Mutex::new(OpenOptions::new().create(true).append(true).open(value()?)?);
                config.on_recording = Some(Arc::new(move |recording| append(&file, recording)));
            }
            "--key" => config.key = Some(value()?),
            "--seed" => config.cuts = Cuts::Awkward(value()?.parse()?),
            "--whole" => config.cuts = Cuts::Whole,
            _ => return Err(format!("unknown option `{arg}`").into()),
        }
    }
    let provider = Provider::start(config).await?;
    if let Some(path) = port_file {
        // Renamed into place, so that who waits for the file never reads half of it.
        let unfinished = format!("{path}.new");
        write(&unfinished, provider.addr().port().to_string())?;
        rename(unfinished, path)?;
    }
    println!("{}", provider.addr());
    std::future::pending().await
}

fn append(file: &Mutex<File>, recording: &Recording) {
    let headers: Map<String, Value> = recording
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    let body = String::from_utf8_lossy(&recording.body);
    let line = json!({"method": recording.method, "path": recording.path, "headers": headers, "body": body});
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
        eprintln!("cannot record a request: {error}");
    }
}
