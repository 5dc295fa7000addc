//! The scripted plugin's way through a call.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::call::{Call, Line, device_info_file, now};
use super::link;
use super::script::{Crash, Script};

const VERSIONS: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];

/// The argument that makes the program a process which only holds its standard output open.
const HOLD: &str = "--hold-stdout-ms";

/// Runs the plugin; the value is the exit status.
pub fn main() -> i32 {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(HOLD) {
        let wait = arguments
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0);
        std::thread::sleep(Duration::from_millis(wait));
        return 0;
    }
    match run() {
        Ok(status) => status,
        Err(error) => {
            print(
                &json!({"cniVersion": "1.0.0", "code": 999, "msg": format!("scripted plugin: {error:#}")}),
            );
            1
        }
    }
}

fn run() -> Result<i32> {
    let mut stdin = Vec::new();
    std::io::stdin()
        .read_to_end(&mut stdin)
        .context("read standard input")?;
    let config: Option<Value> = serde_json::from_slice(&stdin).ok();
    let verb = std::env::var("CNI_COMMAND").unwrap_or_default();
    let program = std::env::args().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let script = Script::of_call(config.as_ref(), name, &verb)?;
    let call = Call::observe(stdin, config, script.record_environment);
    let (pid, started) = (call.pid, call.started);
    if let Some(path) = &script.record {
        append(path, &Line::Start(Box::new(call.clone())))?;
    }
    let status = play(&script, &call)?;
    if let Some(path) = &script.record {
        append(
            path,
            &Line::End {
                pid,
                started,
                ended: now(),
            },
        )?;
    }
    Ok(status)
}

/// What happens between the two lines of the record.
fn play(script: &Script, call: &Call) -> Result<i32> {
    if let Some(path) = &script.touch {
        std::fs::File::create(path).with_context(|| format!("create {}", path.display()))?;
    }
    if let Some(path) = &script.wait_for_file {
        wait_for(path)?;
    }
    if let Some(wait) = script.sleep_ms {
        std::thread::sleep(Duration::from_millis(wait));
    }
    let answer = if call.verb == "ADD" {
        result(script, call)
    } else {
        Value::Null
    };
    if let Some(name) = script.link(call.variable("CNI_IFNAME")) {
        match call.verb.as_str() {
            "ADD" => link::create(name, call.variable("CNI_NETNS"), &answer)?,
            "DEL" => link::remove(name, call.variable("CNI_NETNS")),
            _ => {}
        }
    }
    if let Some(info) = script.device_info.as_ref().filter(|_| call.verb == "ADD") {
        leave(info, call)?;
    }
    if let Some(path) = &script.then_wait_for_file {
        wait_for(path)?;
    }
    if script.hang || script.ignore_sigterm {
        bail!("hang: {}", hang(script.ignore_sigterm));
    }
    if let Some(way) = script.crash {
        crash(way)?;
    }
    if let Some(wait) = script.spawn_grandchild_holding_stdout_ms {
        hold_stdout(wait)?;
    }
    respond(script, call, &answer)
}

/// Leaves device information where the configuration says, as a plugin does: also over what is there (DI-32, DI-33).
fn leave(info: &Value, call: &Call) -> Result<()> {
    let path = device_info_file(call.config.as_ref())
        .context("no runtimeConfig.CNIDeviceInfoFile to write device information to")?;
    let folder = path.parent().context("not in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    std::fs::write(&path, info.to_string()).with_context(|| format!("write {}", path.display()))
}

/// The last step: what stands on standard output and error, and the exit status.
fn respond(script: &Script, call: &Call, answer: &Value) -> Result<i32> {
    if let Some(text) = &script.stderr {
        say(std::io::stderr().lock(), text);
    }
    if let Some(count) = script.stderr_bytes {
        flood(std::io::stderr().lock(), count);
    }
    let mut status = 0;
    if let Some(count) = script.stdout_bytes {
        flood(std::io::stdout().lock(), count);
    } else if let Some(text) = &script.stdout {
        say(std::io::stdout().lock(), text);
    } else if let Some(fail) = script.failure(&call.verb) {
        let mut error = json!({"cniVersion": version(call), "code": fail.code, "msg": fail.msg});
        if let Some(details) = &fail.details {
            error["details"] = json!(details);
        }
        print(&error);
        status = 1;
    } else if call.verb == "VERSION" {
        print(&json!({"cniVersion": version(call), "supportedVersions": VERSIONS}));
    } else if call.verb == "ADD" {
        print(answer);
    }
    Ok(script.exit.unwrap_or(status))
}

/// The version that the configuration asks for.
fn version(call: &Call) -> &str {
    call.at("/cniVersion").as_str().unwrap_or("0.1.0")
}

/// What ADD answers: the scripted result, else `prevResult`, else the least that the version allows.
fn result(script: &Script, call: &Call) -> Value {
    let mut answer = match (&script.result, call.at("/prevResult")) {
        (Some(scripted), _) => fill_in(scripted, call),
        (None, Value::Null) => least_result(call),
        (None, previous) => previous.clone(),
    };
    if let Some(keys) = answer.as_object_mut() {
        keys.entry("cniVersion")
            .or_insert_with(|| json!(version(call)));
    }
    answer
}

fn least_result(call: &Call) -> Value {
    if ["0.1.0", "0.2.0"].contains(&version(call)) {
        return json!({"dns": {}});
    }
    let interface =
        json!({"name": call.variable("CNI_IFNAME"), "sandbox": call.variable("CNI_NETNS")});
    json!({"interfaces": [interface], "dns": {}})
}

/// Replaces `${CNI_…}` in every string.
fn fill_in(value: &Value, call: &Call) -> Value {
    match value {
        Value::String(text) => {
            let fill = |text: String, (name, value): (&String, &String)| {
                text.replace(&format!("${{{name}}}"), value)
            };
            Value::String(call.cni.iter().fold(text.clone(), fill))
        }
        Value::Array(items) => items.iter().map(|item| fill_in(item, call)).collect(),
        Value::Object(keys) => keys
            .iter()
            .map(|(key, value)| (key.clone(), fill_in(value, call)))
            .collect(),
        other => other.clone(),
    }
}

fn print(value: &Value) {
    say(std::io::stdout().lock(), &format!("{value}\n"));
}

/// Whoever called may be gone: the record is to say all the same that the call has ended.
fn say(mut to: impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

/// One line, one write: lines of plugins that run side by side do not mix.
fn append(path: &Path, line: &Line) -> Result<()> {
    let mut text = serde_json::to_vec(line).context("encode the record")?;
    text.push(b'\n');
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))?;
    let written = file.write(&text).context("append to the record")?;
    if written != text.len() {
        bail!(
            "append to {}: {written} of {} bytes",
            path.display(),
            text.len()
        );
    }
    Ok(())
}

fn wait_for(path: &Path) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !path.exists() {
        if Instant::now() > deadline {
            bail!("{} did not appear within two minutes", path.display());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Becomes a process that only sleeps. Ignored signals stay ignored over exec, which spares a signal handler here.
fn hang(through_sigterm: bool) -> std::io::Error {
    if through_sigterm {
        return Command::new("/bin/sh")
            .args(["-c", "trap '' TERM; exec sleep 600"])
            .exec();
    }
    Command::new("/bin/sh")
        .args(["-c", "exec sleep 600"])
        .exec()
}

fn crash(way: Crash) -> Result<()> {
    let signal = match way {
        Crash::Abort => std::process::abort(),
        Crash::Kill => rustix::process::Signal::KILL,
        Crash::Terminate => rustix::process::Signal::TERM,
        Crash::Segmentation => rustix::process::Signal::SEGV,
    };
    // Rust's own handler takes the first SIGSEGV for a stack overflow that isn't one, and steps aside for the second.
    for _ in 0..2 {
        rustix::process::kill_process(rustix::process::getpid(), signal)
            .context("send the signal")?;
    }
    bail!("survived {way:?}")
}

fn hold_stdout(milliseconds: u64) -> Result<()> {
    let own = std::env::current_exe().context("find the running program")?;
    Command::new(own)
        .args([HOLD, &milliseconds.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .context("start the process that holds standard output")?;
    Ok(())
}

/// Writes so many bytes, or as many as the reader takes.
fn flood(mut to: impl Write, count: u64) {
    let block = [b'x'; 65536];
    let mut left = count;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        if to.write_all(&block[..size]).is_err() {
            return;
        }
        left -= size as u64;
    }
}
