//! Whether what was made, and what is served, is what the declaration and the lock say.
//!
//! `bundle` and `tree` hold files against them. The rest is what each visitor should get at each host, and what an
//! answer means beside it; the room `probe` asks. What is wrong is said by enums, and their words are made where
//! they are shown.

mod age;
mod answer;
mod bundle;
mod echo;
mod fault;
mod finding;
mod judgement;
mod named;
mod outcome;
mod place;
mod policy;
mod probes;
mod redirect;
mod service;
mod site;
mod tree;

pub(crate) use age::{Age, Signs};
pub(crate) use answer::{Answer, Unreached, Whose};
pub(crate) use bundle::{
    BundleFault, BundleReport, Context, Strictness, WhoseFile, bundle_password, examine,
    open_with_derived,
};
pub(crate) use echo::{Echo, EchoFault, FORGED, MARK, NOBODYS_ADDRESS};
pub(crate) use fault::{AnswerFault, Explanation};
pub(crate) use finding::{Finding, Severity};
pub(crate) use judgement::{Judgement, Verdict, judge, judge_claim};
pub(crate) use named::named;
pub(crate) use outcome::{Expected, Outcome, Pages, page_policy, signed_out};
pub(crate) use place::Place;
pub(crate) use probes::{Manner, NameShown, Probe, Visitor, probes, undeclared};
pub(crate) use redirect::{Location, judge_redirect, judge_without_tls, printable};
pub(crate) use service::ServiceError;
pub(crate) use site::{Site, Standing, Vouched, sites};
pub(crate) use tree::{Against, TreeCheck, TreeFault, TreeReport};
