//! Tokens of service accounts, signed here: the API itself grants none that expires while a test can wait.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, SigningKey};
use serde_json::json;

/// Who issues the tokens, and for whom they are meant.
pub(super) const ISSUER: &str = "https://kubernetes.default.svc";

/// A token (JWT, ES256) as the API server would sign it.
pub(super) fn sign(
    key: &KeyPair,
    namespace: &str,
    name: &str,
    uid: &str,
    expires: SystemTime,
) -> anyhow::Result<String> {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map(|since| since.as_secs());
    // An hour ago: the token may be one that has expired.
    let issued = seconds(SystemTime::now())?.saturating_sub(3600);
    let header = json!({"alg": "ES256", "typ": "JWT"});
    let claims = json!({
        "iss": ISSUER,
        "aud": [ISSUER],
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "iat": issued,
        "nbf": issued,
        "exp": seconds(expires)?,
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
    });
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let signature = key.sign(signed.as_bytes())?;
    let signature = raw(&signature).context("a signature is not a sequence of two numbers")?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// An ECDSA signature as JWT has it: two numbers of 32 bytes, out of the ASN.1 sequence of two integers that libraries make.
fn raw(der: &[u8]) -> Option<[u8; 64]> {
    let (body, _) = element(der, 0x30)?;
    let (r, rest) = element(body, 0x02)?;
    let (s, _) = element(rest, 0x02)?;
    let mut out = [0; 64];
    for (number, field) in [r, s].iter().zip(out.chunks_mut(32)) {
        // ASN.1 puts a zero before a number that begins with a one bit, and leaves out zeros otherwise.
        let number = &number[number.len().saturating_sub(32)..];
        field[32 - number.len()..].copy_from_slice(number);
    }
    Some(out)
}

/// The content of the first element, which has to have this tag and a short length, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(2)?;
    (head[0] == tag && head[1] < 0x80).then(|| rest.split_at_checked(usize::from(head[1])))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_signature_are_padded_to_their_size() {
        let mut der = vec![0x30, 0x26, 0x02, 0x21, 0x00];
        der.extend([0xff; 32]);
        der.extend([0x02, 0x01, 0x07]);
        let mut expected = [0; 64];
        expected[..32].fill(0xff);
        expected[63] = 7;
        assert_eq!(raw(&der), Some(expected));
        assert_eq!(raw(&der[..20]), None);
    }
}
