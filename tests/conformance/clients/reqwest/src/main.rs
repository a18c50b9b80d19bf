//! reqwest as a client of the matrix: see clients.py for what each word asks.
//! client STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, Client, RequestBuilder, Response};

const SMALL: usize = 1024;
const BIG: usize = 4 << 20;
const CRUMBS: usize = 5_000;
const LARGE: u64 = 8 << 20;

fn client(version: &str, ca: Option<&String>) -> Client {
    let mut builder = Client::builder().timeout(Duration::from_secs(60));
    builder = match (version, ca) {
        ("h1", _) => builder.http1_only(),
        (_, None) => builder.http2_prior_knowledge(),
        (_, Some(_)) => builder,
    };
    if let Some(file) = ca {
        let pem = std::fs::read(file).expect("the CA");
        builder = builder.add_root_certificate(reqwest::Certificate::from_pem(&pem).expect("PEM"));
    }
    builder.build().expect("a client")
}

fn pieces(count: usize, size: usize) -> Body {
    let piece = Bytes::from(vec![b'x'; size]);
    Body::wrap_stream(stream::iter((0..count).map(move |_| Ok::<_, std::io::Error>(piece.clone()))))
}

fn kind(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else if error.is_body() || error.is_decode() {
        "body"
    } else {
        "request"
    }
}

async fn read(mut answer: Response, wanted: Option<u64>, slowly: bool) -> String {
    let status = answer.status().as_u16();
    let (mut got, mut paused) = (0, 0);
    loop {
        match answer.chunk().await {
            Err(error) => return format!("{status}, then {}", kind(&error)),
            Ok(None) => break,
            Ok(Some(piece)) => got += piece.len() as u64,
        }
        if slowly && got >> 20 > paused {
            paused = got >> 20;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    match wanted {
        Some(bytes) if bytes != got => format!("{status} with {got} bytes"),
        _ => status.to_string(),
    }
}

async fn sent(request: RequestBuilder, wanted: Option<u64>, slowly: bool) -> String {
    match request.send().await {
        Err(error) => format!("error: {}", kind(&error)),
        Ok(answer) => read(answer, wanted, slowly).await,
    }
}

async fn call(client: &Client, story: &str, base: &str, number: usize) -> String {
    let get = |path: &str| client.get(format!("{base}{path}"));
    let post = |path: &str, body: Body| client.post(format!("{base}{path}")).body(body);
    let small = Some(SMALL as u64);
    match story {
        "get" => sent(get("/page"), small, false).await,
        "ends" => sent(get("/ends"), small, false).await,
        "post" => sent(post("/echo", vec![0; SMALL].into()), small, false).await,
        "chunked" => sent(post("/echo", pieces(2, SMALL / 2)), small, false).await,
        "crumbs" => sent(post("/echo", pieces(CRUMBS, 1)), Some(CRUMBS as u64), false).await,
        "empty" => sent(client.post(format!("{base}/echo")), Some(0), false).await,
        "refused" => sent(post("/refuse", vec![0; BIG].into()), None, false).await,
        "denied" => sent(post("/denied", pieces(2, SMALL / 2)), None, false).await,
        "drip" => sent(get("/drip"), Some(100_000), false).await,
        "slow" => sent(get("/large"), Some(LARGE), true).await,
        "watch" => sent(get("/watch"), Some(2), false).await,
        "restart" | "race" => {
            tokio::time::sleep(Duration::from_millis(15 + number as u64 % 11)).await;
            sent(get("/page"), small, false).await
        }
        "cancel" if number % 8 != 0 => sent(get("/page"), small, false).await,
        "cancel" => {
            let soon = tokio::time::timeout(Duration::from_millis(20), sent(get("/never"), None, false));
            soon.await.unwrap_or_else(|_| "given up".to_string())
        }
        _ => "no such story".to_string(),
    }
}

async fn tell(client: &Client, story: &str, base: &str, calls: usize, at_once: usize) -> BTreeMap<String, usize> {
    let outcomes = Arc::new(Mutex::new(BTreeMap::new()));
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = Vec::new();
    for _ in 0..at_once {
        let (client, story, base) = (client.clone(), story.to_string(), base.to_string());
        let (outcomes, next) = (outcomes.clone(), next.clone());
        workers.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= calls {
                    return;
                }
                let word = call(&client, &story, &base, number).await;
                *outcomes.lock().unwrap().entry(word).or_insert(0) += 1;
            }
        }));
    }
    for worker in workers {
        worker.await.expect("a worker");
    }
    let told = outcomes.lock().unwrap().clone();
    told
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let client = client(&arguments[4], arguments.get(5));
    let at_once = arguments[3].parse().expect("AT_ONCE");
    let mut told = Vec::new();
    for part in arguments[1].split(',') {
        let (story, calls) = part.split_once(':').expect("STORY:CALLS");
        let outcomes = tell(&client, story, &arguments[2], calls.parse().expect("CALLS"), at_once).await;
        told.push(format!("{story:?}: {outcomes:?}"));
    }
    println!("{{{}}}", told.join(", "));
}
