//! Keys in flight, done and forgotten, over a real settings file.

use super::*;
use bytes::Bytes;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_772_323_200_000_000).plus_seconds(seconds)
}

fn asked(number: u128, key: &str) -> Asked {
    Asked {
        scope: "key:1".to_owned(),
        key: key.to_owned(),
        request_id: RequestId::from_u128(number),
        fingerprint: fingerprint(&[b"body"]),
    }
}

fn open(folder: &std::path::Path) -> Arc<Replies> {
    let settings = Settings::open(&folder.join("settings.db"), at(0)).unwrap();
    Replies::start(Arc::new(settings), Arc::new(Sealer::new("a key of enough bytes").unwrap())).unwrap()
}

fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("bursar-idempotency-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

async fn new(replies: &Arc<Replies>, asked: Asked) -> Place {
    match replies.begin(asked, at(1)).await.unwrap() {
        Begun::New(place) => place,
        other => panic!("not new: {other:?}"),
    }
}

#[tokio::test]
async fn the_first_answer_is_kept_and_given_again_also_after_a_restart() {
    let folder = folder("kept");
    let replies = open(&folder);
    let place = new(&replies, asked(1, "a")).await;
    let found = replies.begin(asked(2, "a"), at(1)).await.unwrap();
    assert!(matches!(found, Begun::InFlight(first) if first == RequestId::from_u128(1)), "{found:?}");
    let other = Asked { fingerprint: fingerprint(&[b"another body"]), ..asked(3, "a") };
    assert!(matches!(replies.begin(other, at(1)).await.unwrap(), Begun::Other(_)));
    place.keep(200, Vec::new(), Bytes::from_static(b"the answer"));
    // A process that is killed drops nothing.
    let _unfinished = std::mem::ManuallyDrop::new(new(&replies, asked(4, "b")).await);
    replies.shutdown();

    let replies = open(&folder);
    match replies.begin(asked(5, "a"), at(2)).await.unwrap() {
        Begun::Answered(first, kept) => {
            assert_eq!((first, &*kept.body), (RequestId::from_u128(1), &b"the answer"[..]));
        }
        other => panic!("{other:?}"),
    }
    let interrupted = replies.begin(asked(6, "b"), at(2)).await.unwrap();
    assert!(matches!(interrupted, Begun::Done(_, None)), "it may have been billed: {interrupted:?}");
    new(&replies, Asked { scope: "key:2".to_owned(), ..asked(7, "a") }).await.forget();
    new(&replies, Asked { scope: "key:2".to_owned(), ..asked(8, "a") }).await.forget();
    assert!(
        matches!(replies.begin(asked(9, "a"), at(1 + KEPT_S)).await.unwrap(), Begun::New(_)),
        "a day later"
    );
    replies.shutdown();
    std::fs::remove_dir_all(folder).unwrap();
}
