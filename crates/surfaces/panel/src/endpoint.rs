//! What an endpoint is. One file per endpoint or small family in the folder of its area; each area has a table `ENDPOINTS`.

use std::pin::Pin;

use bytes::Bytes;
use gatehouse_domain::{Ctx, panel::Who};
use http::{HeaderMap, Method};

use crate::{
    answer::{Failure, Outcome},
    input::Input,
    surface::Panel,
    text::Language,
};

/// One endpoint.
pub(crate) struct Endpoint {
    /// By which methods; HEAD goes with GET.
    pub(crate) verb: Verb,
    /// Below `/api/`, with `{sp}` for the secure path and `{name}` for a part that is a parameter.
    pub(crate) path: &'static str,
    /// Who may call it.
    pub(crate) who: For,
    /// Does it.
    pub(crate) handle: for<'a> fn(&'a Call) -> Answering<'a>,
}

impl Endpoint {
    /// `METHOD path credential`.
    pub(crate) fn line(&self) -> String {
        let credential = match self.who {
            For::Anybody => "-".to_owned(),
            For::User => "user".to_owned(),
            For::Staff(code) => code.to_owned(),
        };
        format!("{:?} {} {credential}", self.verb, self.path)
    }
}

/// Boxed because it is a field of a table.
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Methods of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Both,
}

impl Verb {
    pub(crate) fn takes(self, method: &Method) -> bool {
        match self {
            Self::Get => matches!(*method, Method::GET | Method::HEAD),
            Self::Post => *method == Method::POST,
            Self::Both => matches!(*method, Method::GET | Method::HEAD | Method::POST),
        }
    }
}

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Everybody: it looks for credentials itself, if it wants any.
    Anybody,
    /// Whoever has a session.
    User,
    /// Staff that hold this code.
    Staff(&'static str),
}

/// A call of an endpoint.
pub(crate) struct Call {
    /// The surface.
    pub(crate) panel: Panel,
    /// Who asks, as far as that is known.
    pub(crate) ctx: Ctx,
    /// The person, where the endpoint needs one.
    pub(crate) who: Option<Who>,
    /// How.
    pub(crate) method: Method,
    /// With what: query and body together.
    pub(crate) input: Input,
    /// Parts of the path that are parameters, in their order.
    pub(crate) parts: Vec<String>,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// The body as it came.
    pub(crate) body: Bytes,
    /// The query as it came.
    pub(crate) query: String,
    /// In which language.
    pub(crate) language: Language,
}

impl Call {
    /// The person. Errors: nobody, which the surface has refused before.
    pub(crate) fn who(&self) -> Result<&Who, Failure> {
        self.who.as_ref().ok_or_else(Failure::nobody)
    }

    /// The client program.
    pub(crate) fn user_agent(&self) -> Option<&str> {
        self.headers.get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok())
    }

    /// A part of the path.
    pub(crate) fn part(&self, index: usize) -> &str {
        self.parts.get(index).map_or("", String::as_str)
    }
}

/// `GET path`, for everybody, users or staff; the handler is an `async fn(&Call) -> Outcome`.
macro_rules! endpoint {
    ($verb:ident $path:literal, $who:expr, $handle:path) => {
        $crate::endpoint::Endpoint {
            verb: $crate::endpoint::Verb::$verb,
            path: $path,
            who: $who,
            handle: |call| Box::pin($handle(call)),
        }
    };
}
pub(crate) use endpoint;
