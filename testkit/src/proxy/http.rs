//! As much HTTP/1.1 as stands between two clients of good manners.

use std::io::{BufRead, Read};

use anyhow::{Context, Result};
use ureq::Agent;
use ureq::http;

/// What belongs to a connection and not to a request.
const OF_CONNECTION: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];

/// A request as it came.
#[derive(Debug)]
pub(super) struct Request {
    method: String,
    path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Method and path.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The first value of a header; empty without one.
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// The next request; `None` at the end of the connection.
pub(super) fn read(stream: &mut impl BufRead) -> Result<Option<Request>> {
    let first = line(stream)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = words
        .next()
        .zip(words.next())
        .context("a request without a path")?;
    let mut headers = Vec::new();
    loop {
        let header = line(stream)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').context("a header without a colon")?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        path,
        headers,
        body: Vec::new(),
    };
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
pub(super) fn pass(agent: &Agent, server: &str, request: &Request) -> Result<Vec<u8>> {
    let mut out = http::Request::builder()
        .method(request.method.as_str())
        .uri(format!("{server}{}", request.path));
    for (name, value) in &request.headers {
        if !OF_CONNECTION.contains(&name.as_str()) {
            out = out.header(name, value);
        }
    }
    let mut back = if request.method == "GET" {
        agent.run(out.body(())?)?
    } else {
        agent.run(out.body(request.body.clone())?)?
    };
    let mut headers = String::new();
    for (name, value) in back.headers() {
        if !OF_CONNECTION.contains(&name.as_str()) {
            headers.push_str(&format!("{name}: {}\r\n", value.to_str()?));
        }
    }
    let body = back.body_mut().read_to_vec()?;
    Ok(answer(back.status().as_u16(), &headers, &body))
}

/// An answer as it goes over the wire.
pub(super) fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
