//! What can be wrong with what a declaration means.

use miette::Diagnostic;
use thiserror::Error;

use crate::source::Span;

/// A mistake in what a declaration says.
#[derive(Debug, Error, Diagnostic)]
#[allow(missing_docs)] // Each variant's message says what it is.
pub enum Mistake {
    #[error("no domain is declared")]
    #[diagnostic(
        code("resolve::no-domain"),
        help("begin with `domain \"home.example.com\"`: the services stand below it")
    )]
    NoDomain {
        #[label("before this")]
        span: Span,
    },

    #[error("`{written}` cannot be the domain")]
    #[diagnostic(
        code("resolve::bad-domain"),
        help("write it as a browser shows it, such as `domain \"home.example.com\"`")
    )]
    BadDomain {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("`{written}` cannot be the name of a {kind}")]
    #[diagnostic(
        code("resolve::bad-name"),
        help("use 1 to 63 of `a`–`z`, `0`–`9` and `-`, no hyphen at an edge")
    )]
    BadName {
        written: String,
        kind: &'static str,
        why: String,
        #[label("{why}")]
        span: Span,
    },

    #[error("`{written}` cannot be the name of a {kind}: Windows keeps it for itself")]
    #[diagnostic(
        code("resolve::reserved-name"),
        help(
            "choose another: no file on a relative's Windows could have it, such as `{written}-1`"
        )
    )]
    ReservedName {
        written: String,
        kind: &'static str,
        #[label("reserved")]
        span: Span,
    },

    #[error("the {kind} `{name}` is declared twice")]
    #[diagnostic(
        code("resolve::duplicate-name"),
        help("rename or remove one of the two")
    )]
    DuplicateName {
        kind: &'static str,
        name: String,
        #[label("declared again here")]
        span: Span,
        #[label("first declared here")]
        first: Span,
    },

    #[error("`{name}` is a person and a group")]
    #[diagnostic(
        code("resolve::ambiguous-name"),
        help("rename the group: `allow \"{name}\"` could mean either")
    )]
    AmbiguousName {
        name: String,
        #[label("this group")]
        span: Span,
        #[label("has the name of this person")]
        first: Span,
    },

    #[error("`{one}` and `{other}` would both be called `{common_name}`")]
    #[diagnostic(
        code("resolve::same-common-name"),
        help("rename one of the devices: people choose certificates by that name")
    )]
    SameCommonName {
        one: String,
        other: String,
        common_name: String,
        #[label("this device")]
        span: Span,
        #[label("and this one")]
        first: Span,
    },

    #[error("`{common_name}` is too long for the name of a certificate")]
    #[diagnostic(
        code("resolve::common-name-too-long"),
        help(
            "shorten the person's name or the device's: together with the hyphen they may have 64 characters"
        )
    )]
    CommonNameTooLong {
        common_name: String,
        #[label("{} characters with the person's name", common_name.len())]
        span: Span,
    },

    #[error("there is no person `{name}`")]
    #[diagnostic(code("resolve::unknown-person"))]
    UnknownPerson {
        name: String,
        #[label("not declared")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("there is no person or group `{name}`")]
    #[diagnostic(code("resolve::unknown-member"))]
    UnknownMember {
        name: String,
        #[label("not declared")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("`{name}` is listed twice")]
    #[diagnostic(code("resolve::repeated-member"), help("remove one of the two"))]
    RepeatedMember {
        name: String,
        #[label("again here")]
        span: Span,
        #[label("first here")]
        first: Span,
    },

    #[error("the device `{device}` says no platform")]
    #[diagnostic(
        code("resolve::no-platform"),
        help(
            "add `platform=\"android\"`, or one of {known}; `other` gets a file that everything reads"
        )
    )]
    NoPlatform {
        device: String,
        known: String,
        #[label("which platform?")]
        span: Span,
    },

    #[error("there is no platform `{written}`")]
    #[diagnostic(code("resolve::unknown-platform"))]
    UnknownPlatform {
        written: String,
        #[label("not known")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("{platform} has no version {version} here")]
    #[diagnostic(code("resolve::bad-version"))]
    BadVersion {
        platform: &'static str,
        version: i128,
        #[label("not known")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("`{written}` is no length of time that a certificate can have")]
    #[diagnostic(code("resolve::bad-duration"))]
    BadDuration {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("a device's certificate would outlive the authority's")]
    #[diagnostic(
        code("resolve::outlives-authority"),
        help("shorten `{device}`, or lengthen `authority` beyond it")
    )]
    OutlivesAuthority {
        device: String,
        authority: String,
        #[label("longer than the authority's `{authority}`")]
        span: Span,
    },

    #[error("the window for renewal is as long as a device's certificate")]
    #[diagnostic(
        code("resolve::renew-window-too-long"),
        help("shorten `renew`: every certificate would be due on the day that it is issued")
    )]
    RenewWindowTooLong {
        #[label("not shorter than the devices' validity")]
        span: Span,
    },

    #[error("`{written}` is no e-mail address that a certificate can hold")]
    #[diagnostic(
        code("resolve::bad-email"),
        help("write a plain one, such as `alice@example.com`")
    )]
    BadEmail {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("`{written}` cannot be shown as a name")]
    #[diagnostic(
        code("resolve::bad-display-name"),
        help("write the name as the person would")
    )]
    BadDisplayName {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("the service `{service}` says no upstream")]
    #[diagnostic(
        code("resolve::no-upstream"),
        help("add `upstream \"http://HOST:PORT\"`: where its requests go")
    )]
    NoUpstream {
        service: String,
        #[label("has none")]
        span: Span,
    },

    #[error("`{written}` cannot be an upstream")]
    #[diagnostic(
        code("resolve::bad-upstream"),
        help("write `upstream \"http://HOST:PORT\"` or `\"https://HOST:PORT\"`")
    )]
    BadUpstream {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("`verify` on an upstream without TLS")]
    #[diagnostic(
        code("resolve::verify-without-tls"),
        help("remove `verify`, or write the address with `https://`")
    )]
    VerifyWithoutTls {
        #[label("nothing to verify")]
        span: Span,
        #[label("speaks in the clear")]
        address: Span,
    },

    #[error("the service `{service}` does not say who may use it")]
    #[diagnostic(
        code("resolve::no-access"),
        help(
            "add `allow \"…\"` with people or groups, or `open \"lan\"`: nothing is public by omission"
        )
    )]
    NoAccess {
        service: String,
        #[label("neither `allow` nor `open`")]
        span: Span,
    },

    #[error("`open` to `{written}`, whom nobody knows")]
    #[diagnostic(code("resolve::unknown-audience"))]
    UnknownAudience {
        written: String,
        #[label("not known")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("open to everyone, and yet it says more about who may use it")]
    #[diagnostic(
        code("resolve::open-and-more"),
        help("remove `open \"everyone\"` to guard the service, or `{more}` to leave it open")
    )]
    OpenAndMore {
        more: &'static str,
        #[label("`{more}` has no meaning here")]
        span: Span,
        #[label("already open to everyone")]
        open: Span,
    },

    #[error("`{what}` without `allow`")]
    #[diagnostic(
        code("resolve::nobody-to-ask"),
        help("add `allow \"…\"`, or remove `{what}`: no certificate is asked for here")
    )]
    NobodyToAsk {
        what: &'static str,
        #[label("nobody presents a certificate here")]
        span: Span,
    },

    #[error("there is no certificate mode `{written}`")]
    #[diagnostic(code("resolve::unknown-certificate-mode"))]
    UnknownCertificateMode {
        written: String,
        #[label("not known")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("a certificate cannot be required here")]
    #[diagnostic(
        code("resolve::certificate-required"),
        help(
            "remove `certificate \"required\"`, or `{what}`: who has no certificate would never get that far"
        )
    )]
    CertificateRequired {
        what: &'static str,
        #[label("required of everyone")]
        span: Span,
        #[label("`{what}` lets some in without")]
        because: Span,
    },

    #[error("`{written}` cannot be a host")]
    #[diagnostic(
        code("resolve::bad-host"),
        help("write a label such as `\"stats\"`, `\"@\"` for the domain itself, or a full name")
    )]
    BadHost {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("two services answer to `{host}`")]
    #[diagnostic(
        code("resolve::duplicate-host"),
        help("give one of them another `host`")
    )]
    DuplicateHost {
        host: String,
        #[label("this one")]
        span: Span,
        #[label("and this one")]
        first: Span,
    },

    #[error("`{written}` cannot be opened safely")]
    #[diagnostic(
        code("resolve::bad-public-path"),
        help("write plain segments, and at most `/*` at the end, such as `public \"/share/*\"`")
    )]
    BadPublicPath {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("the catalogue has no app `{written}`")]
    #[diagnostic(code("resolve::unknown-app"))]
    UnknownApp {
        written: String,
        #[label("not known")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("`{written}` is no range of addresses")]
    #[diagnostic(
        code("resolve::bad-lan-range"),
        help("write it as `\"192.168.0.0/16\"` or `\"fd00::/8\"`")
    )]
    BadLanRange {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("`{written}` is no version of Caddy that can be served")]
    #[diagnostic(
        code("resolve::bad-caddy-version"),
        help("write the oldest that runs, such as `caddy \"2.6\"`")
    )]
    BadCaddyVersion {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("there are no `{written}` certificates")]
    #[diagnostic(code("resolve::unknown-certificates"))]
    UnknownCertificates {
        written: String,
        #[label("not known")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("`certificates \"{kind}\"` needs `{property}`")]
    #[diagnostic(code("resolve::certificates-incomplete"), help("write `{example}`"))]
    CertificatesIncomplete {
        kind: &'static str,
        property: &'static str,
        example: &'static str,
        #[label("`{property}` is missing")]
        span: Span,
    },

    #[error("`certificates \"{kind}\"` has no `{property}`")]
    #[diagnostic(code("resolve::certificates-property"), help("remove it"))]
    CertificatesProperty {
        kind: &'static str,
        property: &'static str,
        #[label("not for this kind")]
        span: Span,
    },

    #[error("`{written}` cannot be the {what}")]
    #[diagnostic(code("resolve::bad-certificates-value"), help("{help}"))]
    BadCertificatesValue {
        written: String,
        what: &'static str,
        help: &'static str,
        #[label("not in this form")]
        span: Span,
    },
}
