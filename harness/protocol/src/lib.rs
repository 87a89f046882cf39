//! The prober's protocol: the harness writes one [`Order`] a line to the prober's standard input, inside the cluster,
//! and reads one [`Told`] a line from its standard output, in the order in which things happen there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the prober is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Try something once; [`Told::Reply`] answers.
    Ask(Question),
    /// Send requests from now on; [`Told::Served`] and [`Told::Failed`] tell of them.
    Send(RequestLoad),
    /// Keep a websocket session from now on; [`Told::Session`] tells of it.
    Keep(SessionLoad),
    /// Hand in jobs from now on, and wait for the result of each; [`Told::Job`] tells of them.
    HandIn(JobLoad),
    /// End the load with this number; [`Told::Stopped`] answers when all that was in flight has ended or was given up.
    Stop(u64),
}

/// What the prober tells. Times are in milliseconds since 1970, by the prober's clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Answers [`Order::Ask`].
    Reply(Reply),
    /// A load has begun.
    Started {
        /// The load's number.
        load: u64,
        /// The prober's clock.
        unix_ms: u64,
    },
    /// Requests that were answered well.
    Served(Served),
    /// A request that was not.
    Failed(Failed),
    /// Something about a session.
    Session(SessionTold),
    /// What became of a job.
    Job(JobTold),
    /// The load has ended.
    Stopped {
        /// The load's number.
        load: u64,
    },
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// HTTP.
    #[default]
    Http,
    /// HTTP over TLS. Any certificate is taken: whose it is, is the business of those who trust it.
    Https,
}

/// Requests at a fixed rate, each on a connection of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestLoad {
    /// Chosen by the asker, among all loads.
    pub load: u64,
    /// How the server is spoken to.
    #[serde(default)]
    pub scheme: Scheme,
    /// Host (or IP address) and port.
    pub address: String,
    /// Path with its query.
    pub path: String,
    /// Headers of the request.
    pub headers: BTreeMap<String, String>,
    /// Requests a second. The schedule does not wait for answers.
    pub rate: u32,
    /// Status code of a right answer.
    pub status: u16,
    /// Text that the body of a right answer contains.
    pub body: Option<String>,
    /// Header of the answer, in lower case, that names the pod which gave it.
    pub pod: Option<String>,
    /// A right answer that takes longer is [`Failure::Slow`], in milliseconds.
    pub slow_ms: u64,
    /// After this it is given up, in milliseconds.
    pub limit_ms: u64,
}

/// Requests of one slice of time that were answered well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The load's number.
    pub load: u64,
    /// Begin of the slice: they were sent from here on.
    pub from: u64,
    /// End of the slice.
    pub to: u64,
    /// How many there were.
    pub count: u32,
    /// How long the slowest answer took, in milliseconds.
    pub slowest_ms: u64,
    /// How long after its time the latest request of the slice was sent, in milliseconds; those that failed count as well.
    pub late_ms: u64,
    /// How many each pod answered, where answers name it.
    pub by_pod: BTreeMap<String, u32>,
}

/// A request that was not answered well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The load's number.
    pub load: u64,
    /// When it was sent.
    pub sent: u64,
    /// How long it took until the failure was known, in milliseconds.
    pub took_ms: u64,
    /// What became of it.
    pub failure: Failure,
    /// The pod that answered, where the answer names it.
    pub pod: Option<String>,
}

/// How a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// The connection was refused.
    Refused,
    /// The connection was reset, or ended before the whole answer.
    Reset,
    /// There was no whole answer in time.
    TimedOut,
    /// The answer is a server's error.
    ServerError {
        /// Status code, 500 to 599.
        status: u16,
        /// The body's beginning.
        body: String,
    },
    /// The answer is another than the promised one.
    Wrong {
        /// What is different.
        what: String,
    },
    /// The answer is right and took too long.
    Slow,
    /// It failed in another way.
    Other {
        /// In words.
        why: String,
    },
}

/// Work that is handed in with one request and whose result is found with others. In each text `{{n}}` stands for the job's number, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Path of the POST that hands it in.
    pub path: String,
    /// Its body, a JSON document.
    pub body: String,
    /// Status code of the answer that accepts it.
    pub status: u16,
    /// Key of that answer, a JSON object, whose value names the job: `{{id}}` below.
    pub id: String,
    /// Path of the result, which answers 200 once it is there.
    pub result: String,
    /// Text that the result's body contains.
    pub shows: Option<String>,
    /// The result is there so long after the job was accepted, in milliseconds.
    pub within_ms: u64,
}

/// Jobs that are handed in at a fixed rate, each on a connection of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobLoad {
    /// Chosen by the asker, among all loads.
    pub load: u64,
    /// How the server is spoken to.
    pub scheme: Scheme,
    /// Host (or IP address) and port.
    pub address: String,
    /// What is handed in.
    pub job: Job,
    /// Jobs a second. The schedule does not wait for results.
    pub rate: u32,
    /// After this a request is given up, in milliseconds.
    pub limit_ms: u64,
}

/// A job that has ended, or was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTold {
    /// The load's number.
    pub load: u64,
    /// When it was handed in.
    pub sent: u64,
    /// How long it took until its end was known, in milliseconds.
    pub took_ms: u64,
    /// What became of it.
    pub end: JobEnd,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobEnd {
    /// It was accepted, and its result was there in time.
    Done,
    /// It was not accepted: nobody was promised anything.
    NotAccepted {
        /// Why.
        failure: Failure,
    },
    /// It was accepted, and had no result in time.
    Lost {
        /// Its name.
        id: String,
        /// The last answer to the question for its result.
        last: String,
    },
}

/// A websocket session that is kept open: each message has a number and is acknowledged before the next one is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionLoad {
    /// Chosen by the asker, among all loads.
    pub load: u64,
    /// Host (or IP address) and port.
    pub address: String,
    /// Path with its query.
    pub path: String,
    /// Headers of the upgrade request.
    pub headers: BTreeMap<String, String>,
    /// What is said.
    pub continuity: Continuity,
    /// Between an acknowledgement and the next message, in milliseconds.
    pub pause_ms: u64,
    /// A connection or an acknowledgement that takes longer is given up, in milliseconds.
    pub limit_ms: u64,
}

/// How a session goes on. In each text `{{n}}` stands for a message's number, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuity {
    /// What the client sends.
    pub message: String,
    /// What the server's acknowledgement of a message contains.
    pub acknowledged: String,
    /// What the server's first message on a connection contains: the number of the last one that it acknowledged, 0 for none.
    pub resumed: String,
}

/// Something about a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTold {
    /// The load's number.
    pub load: u64,
    /// When.
    pub at: u64,
    /// What.
    pub event: SessionEvent,
}

/// What happens to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionEvent {
    /// A connection is open, and the server has said where the session stands.
    Opened {
        /// The last message that the server says it acknowledged.
        resumed: u64,
        /// The last message whose acknowledgement the client received on an earlier connection.
        acknowledged: u64,
        /// How long it took from the last connection's end, or from the first attempt, in milliseconds.
        took_ms: u64,
    },
    /// Messages were acknowledged since the last entry of this session.
    Acknowledged {
        /// The number of the last one.
        last: u64,
    },
    /// The connection ended, by the server's doing.
    Closed {
        /// Close code (RFC 6455, section 7.4); `None`: there was no close frame.
        code: Option<u16>,
        /// The server's words, or how it ended instead.
        reason: String,
        /// The number of the last message whose acknowledgement was received.
        acknowledged: u64,
    },
    /// A connection could not be opened; it is tried again.
    Refused {
        /// Why.
        why: String,
    },
}

/// What is to be tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Chosen by the asker; the reply carries it back.
    pub id: u64,
    /// How the server is spoken to, where there is a path.
    #[serde(default)]
    pub scheme: Scheme,
    /// Host (or IP address) and port.
    pub address: String,
    /// Path of an HTTP GET; `None`: only a connection is tried.
    pub path: Option<String>,
    /// Address of a server that must be there: a connection to it is tried at the same time (positive control).
    pub control: Option<String>,
    /// A websocket session: opened through `control`, then reached through `address`, both at `path`.
    pub session: Option<Session>,
    /// How long each may take, in milliseconds.
    pub limit_ms: u64,
}

/// What is said in a websocket session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Headers of the upgrade request.
    pub headers: BTreeMap<String, String>,
    /// Said by the one that opens the session, and kept open.
    pub first: String,
    /// Said by the one that reaches it through another pod.
    pub second: String,
    /// Text that an answer to each contains; other messages are passed over.
    pub reply: String,
}

/// What came of a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// The question's.
    pub id: u64,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
    /// What came back.
    pub answer: Answer,
    /// What the control met, where one was asked for.
    pub control: Option<Answer>,
}

/// What a probe met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The connection was accepted; nothing was asked.
    Connected,
    /// The connection was refused.
    Refused,
    /// Nothing came within the prober's limit.
    TimedOut,
    /// It failed in another way.
    Failed(String),
    /// A message of a websocket session that contains the expected text.
    Replied(String),
    /// A websocket session was closed instead of answered.
    Closed {
        /// Close code (RFC 6455, section 7.4); 1005: none was given.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// An HTTP answer.
    Http {
        /// Status code.
        status: u16,
        /// Lower-case header names to values.
        headers: BTreeMap<String, String>,
        /// The body's first 4096 bytes.
        body: String,
    },
}
