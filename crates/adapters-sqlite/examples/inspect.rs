//! Looks at a log: `inspect FILE [--order ord_…] [--json] [--salvage NEW]`.
//!
//! Without flags it checks everything and says what it found. It never writes to FILE, and may look
//! while a process has the log open.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use doorstep_core::id::OrderId;
use doorstep_sqlite::{Inspector, Progress, ProgressHook, salvage};
use lexopt::prelude::*;

const USAGE: &str = "\
inspect FILE                  checks the chain, the anchor, the pages, the history
inspect FILE --order ord_…    every event of an order, as JSON lines, and what the history keeps
inspect FILE --json           every record, as JSON lines
inspect FILE --salvage NEW    copies what is good of a damaged log into a new file";

#[derive(Default)]
struct Asked {
    file: Option<PathBuf>,
    order: Option<OrderId>,
    json: bool,
    salvage: Option<PathBuf>,
}

fn asked() -> Result<Asked, lexopt::Error> {
    let mut asked = Asked::default();
    let mut flags = lexopt::Parser::from_env();
    while let Some(flag) = flags.next()? {
        match flag {
            Long("order") => asked.order = Some(flags.value()?.parse()?),
            Long("json") => asked.json = true,
            Long("salvage") => asked.salvage = Some(flags.value()?.into()),
            Value(file) if asked.file.is_none() => asked.file = Some(file.into()),
            Short(_) | Long(_) | Value(_) => return Err(flag.unexpected()),
        }
    }
    Ok(asked)
}

fn main() -> ExitCode {
    let outcome = match asked() {
        Ok(Asked { file: Some(file), order, json, salvage }) => run(&file, order, json, salvage),
        Ok(_) => Err(USAGE.into()),
        Err(error) => Err(format!("{error}\n{USAGE}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    file: &std::path::Path,
    order: Option<OrderId>,
    json: bool,
    new: Option<PathBuf>,
) -> Result<(), Box<dyn Error>> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut failed = None;
    if let Some(new) = new {
        let saved = salvage(file, new)?;
        writeln!(out, "{saved:#?}")?;
        return Ok(());
    }
    let inspector = Inspector::open(file)?;
    let mut show = |line: serde_json::Result<String>| {
        let line = line.map_err(io::Error::from);
        if failed.is_none() {
            failed = line.and_then(|line| writeln!(out, "{line}")).err();
        }
    };
    if let Some(order) = order {
        inspector.order(order, |event| show(serde_json::to_string(&event)))?;
        if let Some(kept) = inspector.kept(order)? {
            show(serde_json::to_string(&serde_json::json!({ "kept": kept })));
        }
    } else if json {
        inspector.lines(|line| show(serde_json::to_string(&line)))?;
    } else {
        let progress: ProgressHook =
            Arc::new(|Progress { checked, of }| eprint!("\r{checked} of {of} records"));
        let verified = inspector.verify(Some(&progress))?;
        show(serde_json::to_string_pretty(&verified));
    }
    // Whoever read may have seen enough.
    let failed = failed.filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
    failed.map_or(Ok(()), |error| Err(error.into()))
}
