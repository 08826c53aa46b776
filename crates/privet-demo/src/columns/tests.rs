use super::*;

fn line(who: &str, text: &str) -> Line {
    Line {
        who: who.to_owned(),
        text: text.to_owned(),
    }
}

fn drawn(layout: Layout) -> String {
    let sent = [
        line("system", "Be kind."),
        line("user", "Grüße an ana@example.com 日本"),
    ];
    let seen = [
        line("system", "Be kind."),
        line("user", "Grüße an <EMAIL_ADDRESS_7Q2MX9PKR4TWZ> 日本"),
    ];
    let got = [line("assistant", "You wrote: ana@example.com 🔒")];
    render(
        &Views {
            sent: &sent,
            seen: &seen,
            got: &got,
        },
        layout,
    )
}

#[test]
fn a_wide_terminal_shows_three_columns() {
    let expected = "\
You sent                 │ The provider saw         │ You got back
─────────────────────────┼──────────────────────────┼─────────────────────────
system:                  │ system:                  │ assistant:
Be kind.                 │ Be kind.                 │ You wrote:
user:                    │ user:                    │ ana@example.com 🔒
Grüße an ana@example.com │ Grüße an                 │
日本                     │ <EMAIL_ADDRESS_7Q2MX9PKR │
                         │ 4TWZ> 日本               │
";
    assert_eq!(
        drawn(Layout {
            width: 80,
            color: false
        }),
        expected
    );
}

#[test]
fn a_narrow_terminal_shows_blocks_below_one_another() {
    let expected = "\
You sent ───────────────────────────────
system:
Be kind.
user:
Grüße an ana@example.com 日本

The provider saw ───────────────────────
system:
Be kind.
user:
Grüße an <EMAIL_ADDRESS_7Q2MX9PKR4TWZ>
日本

You got back ───────────────────────────
assistant:
You wrote: ana@example.com 🔒

";
    assert_eq!(
        drawn(Layout {
            width: 40,
            color: false
        }),
        expected
    );
}

#[test]
fn colours_mark_the_private_the_masked_and_the_restored_value() {
    let drawn = drawn(Layout {
        width: 120,
        color: true,
    });
    assert!(
        drawn.contains("Grüße an \u{1b}[31mana@example.com\u{1b}[0m 日本"),
        "{drawn}"
    );
    assert!(
        drawn.contains("\u{1b}[33m<EMAIL_ADDRESS_7Q2MX9PKR4TWZ>\u{1b}[0m"),
        "{drawn}"
    );
    assert!(
        drawn.contains("You wrote: \u{1b}[32mana@example.com\u{1b}[0m 🔒"),
        "{drawn}"
    );
    assert!(!drawn.contains("\u{1b}[31mBe"), "{drawn}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [20, 33, 79, 80, 81, 132] {
        let drawn = drawn(Layout { width, color: false });
        let widest = drawn.lines().map(unicode_width::UnicodeWidthStr::width).max();
        assert!(widest <= Some(width), "{width}: {drawn}");
    }
}

#[test]
fn views_of_unequal_length_are_drawn() {
    let views = Views {
        sent: &[line("user", "a")],
        seen: &[],
        got: &[line("a", "b"), line("c", "d")],
    };
    let drawn = render(
        &views,
        Layout {
            width: 80,
            color: true,
        },
    );
    assert_eq!(drawn.lines().count(), 6, "{drawn}");
}
