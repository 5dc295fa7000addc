//! As much HTTP/1.1 as stands between a client and a server of good manners.

use std::io::{BufRead, Read, Write};

use anyhow::{Context, Result};
use ureq::{Agent, Body, http};

/// What belongs to a connection and not to a request.
const OF_CONNECTION: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];

/// A request as it came.
pub(crate) struct Request {
    /// Method and path.
    pub(crate) line: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The first value of a header; empty without one.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The next request; `None` at the end of the connection.
pub(crate) fn read(stream: &mut impl BufRead) -> Result<Option<Request>> {
    let first = line(stream)?;
    if first.is_empty() {
        return Ok(None);
    }
    let (line_without_version, _) = first.rsplit_once(' ').context("a request without words")?;
    let mut request = Request {
        line: line_without_version.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let header = line(stream)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').context("a header without a colon")?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        request.headers.push((name, value));
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    stream.take(length).read_to_end(&mut request.body)?;
    Ok(Some(request))
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Asks the server the same, and returns its answer for the client.
pub(crate) fn pass(agent: &Agent, server: &str, request: &Request) -> Result<Vec<u8>> {
    let mut back = ask(agent, server, request, true)?;
    let headers = headers(&back)?;
    let body = back.body_mut().read_to_vec()?;
    Ok(answer(back.status().as_u16(), &headers, &body))
}

/// The same for an answer that goes on and on: what comes is passed on at once. With `is_stalled`, only its head is.
pub(crate) fn pass_on(
    agent: &Agent,
    server: &str,
    request: &Request,
    is_stalled: bool,
    client: &mut impl Write,
) -> Result<()> {
    let mut back = ask(agent, server, request, false)?;
    let (code, headers) = (back.status().as_u16(), headers(&back)?);
    write!(
        client,
        "HTTP/1.1 {code} X\r\ntransfer-encoding: chunked\r\n{headers}\r\n"
    )?;
    client.flush()?;
    if is_stalled {
        return Ok(());
    }
    let (mut body, mut piece) = (back.body_mut().as_reader(), [0; 16 << 10]);
    loop {
        let length = body.read(&mut piece)?;
        write!(client, "{length:x}\r\n")?;
        client.write_all(&piece[..length])?;
        client.write_all(b"\r\n")?;
        client.flush()?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn ask(
    agent: &Agent,
    server: &str,
    request: &Request,
    is_short: bool,
) -> Result<http::Response<Body>> {
    let (method, path) = request.line.split_once(' ').unwrap_or_default();
    let out = http::Request::builder()
        .method(method)
        .uri(format!("{server}{path}"));
    let own = |name: &str| OF_CONNECTION.contains(&name);
    let kept = request.headers.iter().filter(|(name, _)| !own(name));
    let out = kept.fold(out, |out, (name, value)| out.header(name, value));
    if method != "GET" {
        return Ok(agent.run(out.body(request.body.clone())?)?);
    }
    let out = out.body(())?;
    if is_short {
        return Ok(agent.run(out)?);
    }
    let endless = agent.configure_request(out).timeout_global(None).build();
    Ok(agent.run(endless)?)
}

fn headers(back: &http::Response<Body>) -> Result<String> {
    let mut headers = String::new();
    for (name, value) in back.headers() {
        if !OF_CONNECTION.contains(&name.as_str()) {
            headers.push_str(&format!("{name}: {}\r\n", value.to_str()?));
        }
    }
    Ok(headers)
}

/// An answer as it goes over the wire.
pub(crate) fn answer(code: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {code} X\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}
