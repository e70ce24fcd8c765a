//! The admin API's document: a change of it is a change that somebody reads.

#[test]
fn the_document_is_the_one_that_was_agreed() {
    let document = bursar_control::openapi().to_pretty_json().expect("JSON");
    insta::assert_snapshot!(document);
}
