//! HTTP/1.1 as far as an answer of the API server goes.

use std::io::{BufRead, Read};

use anyhow::{Context, Result, bail};

/// Reads one answer: its status and its body. The connection stays as it is.
pub(super) fn read_answer(from: &mut impl BufRead) -> Result<(u16, Vec<u8>)> {
    let line = line(from)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .with_context(|| format!("not an answer: {line:?}"))?;
    let mut length = None;
    loop {
        let line = self::line(from)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.parse().context("read the length of an answer")?);
        }
    }
    let body = match length {
        Some(length) => exactly(from, length)?,
        None => chunks(from)?,
    };
    Ok((status, body))
}

fn chunks(from: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = line(from)?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .with_context(|| format!("not the size of a chunk: {line:?}"))?;
        if size == 0 {
            break;
        }
        body.extend(exactly(from, size)?);
        self::line(from)?;
    }
    // After the last chunk, an empty line or trailers and an empty line.
    while !line(from)?.is_empty() {}
    Ok(body)
}

fn exactly(from: &mut impl Read, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).context("read an answer")?;
    Ok(bytes)
}

fn line(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line).context("read an answer")? == 0 {
        bail!("the server closed the connection");
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_with_a_length_or_in_chunks() {
        let mut bytes: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}\
            HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read_answer(&mut bytes).unwrap(), (200, b"{}".to_vec()));
        assert_eq!(
            read_answer(&mut bytes).unwrap(),
            (404, b"abc0123456789".to_vec())
        );
        assert!(read_answer(&mut bytes).is_err());
    }
}
