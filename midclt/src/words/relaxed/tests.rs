//! The forgiving reader, case by case.

use super::*;

fn shown(outcome: Reading<Map<String, Value>>) -> String {
    match outcome {
        Ok(members) => Value::Object(members).to_string(),
        Err(Unreadable { at, path, what }) => format!("{at} {}: {what}", path.join(".")),
    }
}

#[test]
fn objects() {
    let check = |text: &str, expected: &str| assert_eq!(shown(object(text)), expected, "{text}");
    check("{}", "{}");
    check(" { } ", "{}");
    check(r#"{"a":1}"#, r#"{"a":1}"#);
    check("{enabled:false}", r#"{"enabled":false}"#);
    check("{ enabled : false , }", r#"{"enabled":false}"#);
    check("{'a':'b',\"c\":\"d\"}", r#"{"a":"b","c":"d"}"#);
    check("<\"enabled\":false>", r#"{"enabled":false}"#);
    check(
        "<services:<ssh:true>,window:1>",
        r#"{"services":{"ssh":true},"window":1}"#,
    );
    check("{<", "1 : expected a key");
    check(
        "{services.ssh:true,window:1}",
        r#"{"services":{"ssh":true},"window":1}"#,
    );
    check(r#"{"a.b":1}"#, r#"{"a.b":1}"#);
    check("{enabled=true}", r#"{"enabled":true}"#);
    check("{enabled:True,a:None}", r#"{"enabled":true,"a":null}"#);
    check("{a:[1,'x',[],{b:null},]}", r#"{"a":[1,"x",[],{"b":null}]}"#);
    check("{a:1,//x}\nb:2/*,c:3*/}", r#"{"a":1,"b":2}"#);
    check("{\u{a0}a:1}", r#"{"a":1}"#);
    check("{b:1,a:2}", r#"{"b":1,"a":2}"#);
    check("{größe:1,$x_1-y:2}", r#"{"größe":1,"$x_1-y":2}"#);
}

#[test]
fn numbers() {
    let check = |text: &str, expected: &str| {
        let found = object(&format!("{{a:{text}}}")).map(|members| members["a"].to_string());
        assert_eq!(
            found.unwrap_or_else(|error| error.what.to_owned()),
            expected,
            "{text}"
        );
    };
    check("0", "0");
    check("-5", "-5");
    check("+5", "5");
    check("1.5e3", "1.5e+3");
    check(".5", "0.5");
    check("-.5", "-0.5");
    check("5.", "5");
    check("0x1F", "31");
    check("-0x10", "-16");
    check(
        "123456789012345678901234567890",
        "123456789012345678901234567890",
    );
    let bad = "expected true, false, null, a number, or text in quotes";
    for text in [
        "NaN",
        "Infinity",
        "-Infinity",
        "007",
        "1.2.3",
        "0x",
        "--1",
        "-",
        ".",
        "maybe",
        "1a",
    ] {
        check(text, bad);
    }
}

#[test]
fn strings() {
    let check = |text: &str, expected: &str| {
        let found = object(&format!("{{a:{text}}}"));
        let found = found.map(|members| members["a"].as_str().unwrap().to_owned());
        assert_eq!(
            found.unwrap_or_else(|error| error.what.to_owned()),
            expected,
            "{text}"
        );
    };
    check(r"'it\'s'", "it's");
    check(r#"'"'"#, "\"");
    check(r"'\n\t\x41\u00fc\ud83d\ude00\/\q'", "\n\tAü😀/q");
    check("'a\\\nb'", "ab");
    check(r"'\ud83d'", "no such character");
    check(r"'\ud83dx'", "no such character");
    check(r"'\u12'", "no such character");
    check("'open", "the closing quote is missing");
    check("'open\\", "the closing quote is missing");
}

#[test]
fn positions_and_paths_of_errors() {
    let check = |text: &str, expected: &str| assert_eq!(shown(object(text)), expected, "{text}");
    let value = "expected true, false, null, a number, or text in quotes";
    check(r#"{"enabled":maybe}"#, &format!("11 enabled: {value}"));
    check("{a:{b:{c:no}}}", &format!("9 a.b.c: {value}"));
    check("{services.ssh:no}", &format!("14 services.ssh: {value}"));
    check("{a:1,b:no}", &format!("7 b: {value}"));
    check("{a:1 b:2}", "5 : expected a comma or the closing bracket");
    check("{a:1", "4 : expected a comma or the closing bracket");
    check("{a:1,", "5 : the closing bracket is missing");
    check("{a:", "3 a: a value is missing");
    check("{a}", "2 : expected : after the key");
    check("{a:1>", "4 : expected a comma or the closing bracket");
    check("{a:1}x", "5 : there is more after the end of the object");
    check("{a:1,a:2}", "5 a: this key is there twice");
    check("{a:1,a.b:2}", "5 a.b: this key is there twice");
    check("[1]", "0 : expected {");
    check("{,}", "1 : expected a key");
    check("{1:2}", "1 : expected a key");
    check("{a..b:2}", "1 : expected a key");
    check("{a:1/*", "6 : a comment is not closed");
    check("{a:/}", &format!("3 a: {value}"));
    check("", "0 : expected {");
}

#[test]
fn depth_is_bounded() {
    let nest =
        |levels: usize| format!("{{a:{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(object(&nest(32)).is_ok());
    assert_eq!(
        object(&nest(33)).unwrap_err().what,
        "nested deeper than 32 levels"
    );
    let dots = |levels: usize| format!("{{{}a:1}}", "a.".repeat(levels - 1));
    assert!(object(&dots(31)).is_ok());
    assert_eq!(object(&dots(40_000)).unwrap_err().what, "expected a key");
}

#[test]
fn pairs_of_words() {
    let check = |text: &str, expected: &str| assert_eq!(shown(pairs(text)), expected, "{text}");
    check("enabled=false", r#"{"enabled":false}"#);
    check("enabled:false window:1", r#"{"enabled":false,"window":1}"#);
    check("enabled:false,window:1", r#"{"enabled":false,"window":1}"#);
    check(
        "enabled=false, window=1,",
        r#"{"enabled":false,"window":1}"#,
    );
    check("enabled = false", r#"{"enabled":false}"#);
    check("enabled: false", r#"{"enabled":false}"#);
    check(
        "services.ssh=true services.web=null",
        r#"{"services":{"ssh":true,"web":null}}"#,
    );
    check(
        "enabled:false services:{ssh:true}",
        r#"{"enabled":false,"services":{"ssh":true}}"#,
    );
    check("\"enabled\"=false", r#"{"enabled":false}"#);
    check("window=-1", r#"{"window":-1}"#);
    let scalar = "expected true, false, null or a whole number";
    check("enabled=maybe", &format!("8 enabled: {scalar}"));
    check("window=1.5", &format!("7 window: {scalar}"));
    check("http://x", &format!("5 http: {scalar}"));
    check("a='b'", "2 a: text and lists need the form in braces");
    check("enabled", "7 : expected : after the key");
    check("enabled=false window", "20 : expected : after the key");
    check("enabled=falsewindow=1", &format!("8 enabled: {scalar}"));
    check("a=1 a=2", "4 a: this key is there twice");
    check("", "0 : there is nothing");
}
