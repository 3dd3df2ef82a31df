//! Those who may not come in are told why.

use beckon_protocol::{Code, Secret};
use beckon_scenarios::{Client, TestServer, Wish, sig, turn};

use crate::SERVER;

async fn refused(server: &TestServer, wish: Wish) -> Code {
    match Client::join(&server.url(), wish.silent()).await {
        Ok(_) => panic!("was let in"),
        Err(error) => {
            assert!(!error.message.is_empty());
            error.code
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_room_and_a_taken_one_are_told_apart() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    assert_eq!(refused(&server, Wish::enter("nowhere", "ann")).await, Code::RoomNotFound);
    let ann = Client::join(&server.url(), Wish::create("taken", "ann").silent()).await.unwrap();
    assert_eq!(refused(&server, Wish::create("taken", "bob")).await, Code::RoomExists);
    ann.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_user_sig_has_its_own_code() {
    let _turn = turn().await;
    let server = TestServer::start(SERVER).await.unwrap();
    let with = |sig: Secret| Wish { sig: Some(sig), ..Wish::create("", "ann") };
    let expired = sig("ann", -7200, 3600).unwrap();
    assert_eq!(refused(&server, with(expired)).await, Code::SigExpired);
    let foreign = sig("bob", 0, 3600).unwrap();
    assert_eq!(refused(&server, with(foreign)).await, Code::SigWrongUser);
    assert_eq!(refused(&server, with(Secret::new("not a signature"))).await, Code::SigMalformed);
    let good = sig("ann", 0, 3600).unwrap();
    // A character in the middle is changed: whatever it does to the packed text, nobody gets in.
    let mut tampered: Vec<char> = good.expose().chars().collect();
    let middle = tampered.len() / 2;
    tampered[middle] = if tampered[middle] == 'A' { 'B' } else { 'A' };
    let code = refused(&server, with(Secret::new(tampered.into_iter().collect::<String>()))).await;
    assert!(matches!(code, Code::SigMalformed | Code::SigWrong), "{code}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_told_at_once() {
    let _turn = turn().await;
    let mut server = TestServer::start(SERVER).await.unwrap();
    server.kill().await.unwrap();
    assert_eq!(refused(&server, Wish::create("r", "ann")).await, Code::ServerUnreachable);
}
