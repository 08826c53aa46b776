use std::time::Duration;

use privet_policy::{ByteSize, Period};

#[test]
fn sizes_are_read_with_and_without_units() {
    let bytes = |text: &str| text.parse::<ByteSize>().map(ByteSize::bytes).ok();
    assert_eq!(bytes("16MiB"), Some(16 << 20));
    assert_eq!(bytes("64 KiB"), Some(64 << 10));
    assert_eq!(bytes("1GiB"), Some(1 << 30));
    assert_eq!(bytes("12B"), Some(12));
    assert_eq!(bytes("12"), Some(12));
}

#[test]
fn sizes_that_are_not_sizes_are_refused() {
    for text in [
        "",
        "MiB",
        "-1",
        "+1",
        "1.5MiB",
        "16MB",
        "16M",
        "1_000",
        "99999999999GiB",
        "１",
    ] {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }
}

#[test]
fn periods_are_read_with_every_unit() {
    let duration = |text: &str| text.parse::<Period>().map(Period::duration).ok();
    assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
    assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
    assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
    assert_eq!(duration("2 h"), Some(Duration::from_secs(7_200)));
    assert_eq!(duration("90d"), Some(Duration::from_secs(7_776_000)));
}

#[test]
fn periods_that_are_not_periods_are_refused() {
    for text in [
        "",
        "s",
        "10",
        "-1s",
        "1.5s",
        "1min",
        "1h30m",
        "99999999999999999d",
    ] {
        assert!(text.parse::<Period>().is_err(), "{text}");
    }
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    for text in ["1GiB", "1536MiB", "3KiB", "1025B", "0B"] {
        assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
    }
    for text in ["90d", "25h", "90m", "61s", "1001ms", "0ms"] {
        assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
    }
}
