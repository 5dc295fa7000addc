//! The least that a CNI plugin can do, for benches: reads its configuration and prints a canned result. Where that says
//! `"megabytes"`, it uses so many.

use std::io::Read;

fn main() -> std::io::Result<()> {
    let mut conf = String::new();
    std::io::stdin().read_to_string(&mut conf)?;
    let megabytes = conf.split_once("\"megabytes\":").map(|(_, rest)| {
        let digits = rest.trim_start().chars().take_while(char::is_ascii_digit);
        digits.collect::<String>().parse().unwrap_or_default()
    });
    let used = vec![1_u8; megabytes.unwrap_or(0_usize) << 20];
    std::hint::black_box(&used);
    let variable = |name| std::env::var(name).unwrap_or_default();
    match variable("CNI_COMMAND").as_str() {
        "ADD" => println!(
            r#"{{"cniVersion":"1.0.0","interfaces":[{{"name":"{}","mac":"02:00:00:00:00:01","sandbox":"{}"}}],"ips":[{{"address":"192.0.2.2/24","interface":0}}]}}"#,
            variable("CNI_IFNAME"),
            variable("CNI_NETNS")
        ),
        "VERSION" => println!(
            r#"{{"cniVersion":"1.0.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0"]}}"#
        ),
        _ => {}
    }
    Ok(())
}
