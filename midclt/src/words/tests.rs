//! Words as the shell passes them. That it really passes them so is proven in tests/shells.rs.

use super::*;

const UPDATE: &str = "auth.twofactor.update";
const VERIFY: &str = "auth.twofactor.verify";

/// The params as JSON, or the first line of the refusal.
fn sent(method: &str, words: &[&str]) -> String {
    let words = words.iter().map(|&word| word.to_owned()).collect();
    match read(method, words) {
        Ok(params) => Value::Array(params.values).to_string(),
        Err(failure) => failure.lines[0].clone(),
    }
}

#[test]
fn json_and_text_as_in_the_original() {
    let check = |words: &[&str], expected: &str| {
        for method in [VERIFY, "not.in.the.contract", "core.subscribe"] {
            assert_eq!(sent(method, words), expected, "{method} {words:?}");
        }
    };
    check(&[], "[]");
    check(&["123456"], "[123456]");
    check(&["012345"], r#"["012345"]"#);
    check(&["true", "True"], r#"[true,"True"]"#);
    check(&["null"], "[null]");
    check(&["foo", ""], r#"["foo",""]"#);
    check(&["\"quoted\""], r#"["quoted"]"#);
    check(&["1.0", "-7"], "[1.0,-7]");
    check(&[r#"{"a":1,"a":2}"#], r#"[{"a":2}]"#);
    check(
        &["123456789012345678901234567890"],
        "[123456789012345678901234567890]",
    );
    check(&["NaN"], r#"["NaN"]"#);
    check(&[" 1 "], "[1]");
    // Whatever it looks like, text stays text.
    check(&["a=b", "enabled=false"], r#"["a=b","enabled=false"]"#);
    check(
        &["{x", "<y>", "‘z’", "[", "{a:1}"],
        r#"["{x","<y>","‘z’","[","{a:1}"]"#,
    );
    check(
        &["otpauth://totp/x?secret=Y"],
        r#"["otpauth://totp/x?secret=Y"]"#,
    );
}

#[test]
fn one_object_in_every_form() {
    let check = |words: &[&str], expected: &str| {
        assert_eq!(sent(UPDATE, words), format!("[{expected}]"), "{words:?}");
    };
    let off = r#"{"enabled":false}"#;
    // Valid JSON is sent as it is, whatever it is.
    check(&[r#"{ "enabled":false }"#], off);
    check(&["5"], "5");
    check(&["\"enabled=false\""], "\"enabled=false\"");
    check(&["true", "{}"], "true,{}");
    check(&[], "");
    // What shells make of the unlock line.
    check(&["‘{", "enabled:false", "}’"], off);
    check(&["“{", "“enabled”:false", "}”"], off);
    check(&["‘{“enabled”:false}’"], off);
    check(&["{enabled:false}"], off);
    check(&["{", "enabled:false", "}"], off);
    check(&["{", "enabled:", "false", "}"], off);
    check(&["<\"enabled\":false>"], off);
    check(&["<", "enabled:false", ">"], off);
    check(&["{'enabled':false}"], off);
    check(&["enabled=false"], off);
    check(&["enabled:false"], off);
    check(&["enabled:", "false"], off);
    check(&["enabled", "=", "false"], off);
    check(&["‘enabled=false’"], off);
    check(
        &["enabled:false", "window:1"],
        r#"{"enabled":false,"window":1}"#,
    );
    check(
        &["{enabled:false,", "window:1}"],
        r#"{"enabled":false,"window":1}"#,
    );
    check(
        &["enabled:false", "services:{ssh:true}"],
        r#"{"enabled":false,"services":{"ssh":true}}"#,
    );
    check(&["services.ssh=true"], r#"{"services":{"ssh":true}}"#);
    check(&["{“x”:“it’s”}"], r#"{"x":"it's"}"#);
    check(&["{x:\"it’s\"}"], r#"{"x":"it’s"}"#);
    check(&["{enabled:false}\n"], off);
    // Plain words stay text: the daemon will say what it wants.
    check(&["off"], r#""off""#);
    check(&["enabled=maybe"], r#""enabled=maybe""#);
    check(&["enabled=false", "x"], r#""enabled=false","x""#);
    check(&["http://x/"], r#""http://x/""#);
    check(&["secret=ABC"], r#""secret=ABC""#);
}

#[test]
fn broken_json_is_not_sent() {
    let check = |words: &[&str], expected: &str| {
        let expected =
            format!("midclt: not sent: cannot read the argument at character {expected}");
        assert_eq!(sent(UPDATE, words), expected, "{words:?}");
    };
    let value = "expected true, false, null, a number, or text in quotes";
    check(&[r#"{"enabled":maybe}"#], &format!("12, enabled: {value}"));
    check(
        &["‘{", "enabled:maybe", "}’"],
        &format!("12, enabled: {value}"),
    );
    check(
        &["<services:<ssh:yes>>"],
        &format!("16, services.ssh: {value}"),
    );
    check(
        &["{", "enabled:false"],
        "16: expected a comma or the closing bracket",
    );
    check(
        &["{enabled:false}", "{window:1}"],
        "17: there is more after the end of the object",
    );
    check(&["[1,"], "1: expected {");
    check(&["“hello”"], "7: expected : after the key");
    check(&["{JBSWY3DPEHPK3PXP:x}"], &format!("19: {value}"));
    let long = format!("{{{}}}", "a".repeat(MAX_BYTES));
    check(&[&long], &format!("{}: longer than 64 KiB", MAX_BYTES + 1));
    let deep = format!("{{a:{}", "[".repeat(40));
    check(&[&deep], "35: nested deeper than 32 levels");
}

/// A method without text and without a single object: nothing is guessed, but nothing that is
/// surely wrong is sent either.
#[test]
fn other_methods_are_only_checked() {
    assert_eq!(sent("core.get_jobs", &["[]", "{}"]), "[[],{}]");
    assert_eq!(sent("core.get_jobs", &["x=1"]), r#"["x=1"]"#);
    let refused = "midclt: not sent: an argument looks like JSON, but is not";
    assert_eq!(sent("core.get_jobs", &["[[x"]), refused);
    assert_eq!(sent("core.ping", &["{x"]), r#"["{x"]"#);
}

#[test]
fn refusals_show_the_right_command_and_no_value() {
    let refused = read(UPDATE, vec!["{services:{ssh:JBSWY3DP}}".to_owned()]).unwrap_err();
    assert_eq!(refused.exit, 1);
    let said = refused.lines.join("\n");
    assert!(
        said.contains(r#"midclt call auth.twofactor.update '{"services":{"ssh":false}}'"#),
        "{said}"
    );
    assert!(
        said.contains(r#"midclt call auth.twofactor.update '"..."'"#),
        "{said}"
    );
    assert!(!said.contains("JBSW"), "{said}");
}

#[test]
fn what_was_understood_hides_secrets() {
    let check = |words: &[&str], expected: &str| {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        let understood = read(UPDATE, words).unwrap().understood.unwrap();
        assert_eq!(understood, format!("midclt: understood as {expected}"));
    };
    check(
        &["enabled=false", "window=1"],
        r#"{"enabled":false,"window":1}"#,
    );
    check(&["services.ssh=true"], r#"{"services":{"ssh":true}}"#);
    check(
        &["{secret:'JBSWY3DP',token:123456}"],
        r#"{"secret":"...","token":"..."}"#,
    );
    check(
        &["{services:{pin:1234,ssh:null},x:['a']}"],
        r#"{"services":{"pin":"...","ssh":null},"x":"..."}"#,
    );
}
