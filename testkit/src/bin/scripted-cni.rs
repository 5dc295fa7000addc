//! A CNI plugin whose behaviour stands in its configuration; see `testkit::scripted`.

fn main() {
    std::process::exit(testkit::scripted::main());
}
