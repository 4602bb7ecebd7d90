//! Whether what was made, and what is served, is what the declaration and the lock say.
//!
//! `bundle` and `tree` hold files against them. The rest is what each visitor should get at each host, and what an
//! answer means beside it; the room `probe` asks. What is wrong is said by enums, and their words are made where
//! they are shown.

mod age;
mod answer;
mod bundle;
mod echo;
mod finding;
mod judgement;
mod outcome;
mod place;
mod probes;
mod redirect;
mod site;
mod tree;

pub use age::{Age, Signs};
pub use answer::{Answer, Unreached};
pub use bundle::{
    BundleFault, BundleReport, CertificateReport, Context, Recorded, Strictness, WhoseFile,
    bundle_password, examine, open_with_derived,
};
pub use echo::{Echo, EchoFault, FORGED, MARK, NOBODYS_ADDRESS};
pub use finding::{Fault, Finding, Severity};
pub use judgement::{AnswerFault, Judgement, OnePlace, Verdict, judge, judge_claim};
pub use outcome::{Expected, Outcome, Pages, page_policy};
pub use place::Place;
pub use probes::{Manner, NameShown, Probe, Tried, Visitor, probes, undeclared};
pub use redirect::{Location, judge_redirect, judge_without_tls, printable};
pub use site::{Guard, Public, Site, Standing, sites};
pub use tree::{Against, CrlFault, TreeCheck, TreeCheckError, TreeFault, TreeReport};
