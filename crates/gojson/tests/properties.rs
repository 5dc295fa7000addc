//! Reading and writing under arbitrary values.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[<>&\u{2028}\u{2029}a]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record {
    some_text: String,
    numbers: Vec<u16>,
    inner: Option<Box<Self>>,
    by_name: BTreeMap<String, bool>,
}

prop_compose! {
    fn flat()(some_text in any::<String>(), numbers in vec(any::<u16>(), 0..3), by_name in any::<BTreeMap<String, bool>>()) -> Record {
        Record { some_text, numbers, by_name, inner: None }
    }
}

proptest! {
    #[test]
    fn a_document_is_read_back_from_both_layouts(value in document()) {
        for text in [gojson::to_string(&value).unwrap(), gojson::to_string_pretty(&value).unwrap()] {
            prop_assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "B0.4: {}", text);
            prop_assert_eq!(gojson::from_str::<Value>(&text), Ok(value.clone()));
        }
    }

    #[test]
    fn a_record_is_read_back_whatever_the_case_of_its_keys(outer in flat(), inner in flat(), upper in any::<bool>()) {
        // B0.1: fields in any case, keys of maps as they are
        let record = Record { inner: Some(Box::new(inner)), ..outer };
        prop_assert_eq!(gojson::from_slice::<Record>(&gojson::to_vec(&record).unwrap()), Ok(record.clone()));
        let change = |key: &str| if upper { key.to_uppercase() } else { key.to_lowercase() };
        let value = |record: &Record| json!({
            change("someText"): record.some_text, change("numbers"): record.numbers, change("byName"): record.by_name,
        });
        let mut written = value(&record);
        written[change("inner")] = value(record.inner.as_ref().unwrap());
        prop_assert_eq!(gojson::from_value(written), Ok(record));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = gojson::from_str::<Value>(&text);
        let _ = gojson::from_str::<Record>(&text);
    }
}
