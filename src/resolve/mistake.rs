//! What can be wrong with what a declaration means.

use miette::Diagnostic;
use thiserror::Error;

use crate::source::Span;

/// A mistake in what a declaration says.
#[derive(Debug, Error, Diagnostic)]
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

    #[error("the device `{device}` has both `csr` and `fingerprint`")]
    #[diagnostic(
        code("resolve::two-enrolments"),
        help(
            "keep `fingerprint` for a certificate that is on the device already, `csr` to issue another for its own key"
        )
    )]
    TwoEnrolments {
        device: String,
        #[label("a certificate that it has already")]
        span: Span,
        #[label("a request for another")]
        first: Span,
    },

    #[error("no key of kind `{written}` is made here")]
    #[diagnostic(code("resolve::device-key"))]
    DeviceKey {
        written: String,
        #[label("no such kind")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("`key` has no meaning beside `csr`")]
    #[diagnostic(
        code("resolve::key-beside-csr"),
        help(
            "remove `key`: the device has made its key, of whatever kind; or remove `csr`, and one is made here"
        )
    )]
    KeyBesideRequest {
        #[label("about a key that is made here")]
        span: Span,
        #[label("a request for one that is not")]
        request: Span,
    },

    #[error("`{property}` has no meaning beside `fingerprint`")]
    #[diagnostic(
        code("resolve::fingerprint-property"),
        help("remove it: nothing is made for a device that has its certificate already")
    )]
    FingerprintProperty {
        property: &'static str,
        #[label("about a certificate that is not made here")]
        span: Span,
    },

    #[error("`{written}` is no fingerprint of a certificate")]
    #[diagnostic(
        code("resolve::bad-fingerprint"),
        help(
            "write the SHA-256 of the certificate, 64 hexadecimal digits: `openssl x509 -noout -fingerprint -sha256 -in FILE` prints it"
        )
    )]
    BadFingerprint {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("this is the fingerprint of nothing")]
    #[diagnostic(
        code("resolve::fingerprint-of-nothing"),
        help(
            "the file was missing or empty: run `openssl x509 -noout -fingerprint -sha256 -in FILE` with the certificate's own file. With this one Caddy would take whoever shows no certificate for the device"
        )
    )]
    FingerprintOfNothing {
        #[label("SHA-256 of an empty file")]
        span: Span,
    },

    #[error("two devices have the same certificate")]
    #[diagnostic(
        code("resolve::duplicate-fingerprint"),
        help("declare it once: whoever has it is let in as one device")
    )]
    DuplicateFingerprint {
        #[label("again here")]
        span: Span,
        #[label("first here")]
        first: Span,
    },

    #[error("`{written}` cannot be the place of a certificate request")]
    #[diagnostic(
        code("resolve::bad-request-path"),
        help("keep the file beside homelab.kdl, such as `csr=\"csr/yubikey.csr\"`")
    )]
    BadRequestPath {
        written: String,
        why: &'static str,
        #[label("{why}")]
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

    #[error("there is no guide in the language `{written}`")]
    #[diagnostic(code("resolve::unknown-language"))]
    UnknownLanguage {
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

    #[error("the service `{service}` does not say where its requests go")]
    #[diagnostic(
        code("resolve::no-upstream"),
        help(
            "add `upstream \"http://HOST:PORT\"`, or `files \"/srv/www\"`, or `redirect \"https://…\"`"
        )
    )]
    NoUpstream {
        service: String,
        #[label("no `upstream`, `files` or `redirect`")]
        span: Span,
    },

    #[error("`{one}` and `{other}` in one service")]
    #[diagnostic(
        code("resolve::several-backends"),
        help("keep one of the two, or make two services of it")
    )]
    SeveralBackends {
        one: &'static str,
        other: &'static str,
        #[label("`{other}` says another")]
        span: Span,
        #[label("`{one}` says one thing")]
        first: Span,
    },

    #[error("`{what}` beside `{backend}`")]
    #[diagnostic(
        code("resolve::nothing-upstream"),
        help("remove `{what}`: nothing is passed on to an upstream here")
    )]
    NothingUpstream {
        what: &'static str,
        backend: &'static str,
        #[label("has no meaning here")]
        span: Span,
        #[label("`{backend}` answers itself")]
        because: Span,
    },

    #[error("`{written}` cannot be an upstream")]
    #[diagnostic(
        code("resolve::bad-upstream"),
        help(
            "write `upstream \"http://HOST:PORT\"`, or `\"https://HOST:PORT\"`, `\"h2c://HOST:PORT\"`, `\"unix//run/app.sock\"`"
        )
    )]
    BadUpstream {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("two upstreams for {place}")]
    #[diagnostic(
        code("resolve::duplicate-upstream"),
        help(
            "write both addresses in one `upstream`, and perhaps a `policy`; or give one another `path`"
        )
    )]
    DuplicateUpstream {
        place: String,
        #[label("again here")]
        span: Span,
        #[label("first here")]
        first: Span,
    },

    #[error("no upstream of `{service}` takes what the others leave")]
    #[diagnostic(
        code("resolve::no-upstream-for-the-rest"),
        help("add an `upstream` without `path`: where all other requests go")
    )]
    NoUpstreamForTheRest {
        service: String,
        #[label("each of its upstreams has a `path`")]
        span: Span,
    },

    #[error("`{written}` cannot be the path of an upstream")]
    #[diagnostic(
        code("resolve::bad-upstream-path"),
        help("write plain segments, and at most `/*` at the end, such as `path=\"/api/*\"`")
    )]
    BadUpstreamPath {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("upstreams of two kinds in one line")]
    #[diagnostic(
        code("resolve::mixed-upstreams"),
        help("give all of them one scheme and one path: each request could go to any of them")
    )]
    MixedUpstreams {
        #[label("another scheme or path")]
        span: Span,
        #[label("than this one's")]
        first: Span,
    },

    #[error("there is no policy `{written}`")]
    #[diagnostic(code("resolve::unknown-policy"))]
    UnknownPolicy {
        written: String,
        #[label("not known")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("a policy for one upstream")]
    #[diagnostic(
        code("resolve::policy-for-one"),
        help("remove `policy`, or add the other addresses")
    )]
    PolicyForOne {
        #[label("nothing to choose from")]
        span: Span,
    },

    #[error("`{what}` on an upstream without TLS")]
    #[diagnostic(
        code("resolve::no-tls-upstream"),
        help("remove `{what}`, or write the address with `https://`")
    )]
    NoTlsUpstream {
        what: &'static str,
        #[label("nothing to verify")]
        span: Span,
        #[label("speaks in the clear")]
        address: Span,
    },

    #[error("`ca` on an upstream that is not verified")]
    #[diagnostic(
        code("resolve::authority-unverified"),
        help("remove `verify=#false`: with `ca` the certificate can be verified")
    )]
    AuthorityUnverified {
        #[label("would vouch for it")]
        span: Span,
        #[label("nobody looks")]
        unverified: Span,
    },

    #[error("`{written}` cannot be the name of a server")]
    #[diagnostic(
        code("resolve::bad-server-name"),
        help("write the name that stands in its certificate, such as `server-name=\"nas.local\"`")
    )]
    BadServerName {
        written: String,
        #[label("neither a name nor an address")]
        span: Span,
    },

    #[error("`{written}` cannot be a path on the Caddy host")]
    #[diagnostic(
        code("resolve::bad-host-path"),
        help("write an absolute path, such as `\"/srv/www\"`")
    )]
    BadHostPath {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("`{written}` cannot be redirected to")]
    #[diagnostic(
        code("resolve::bad-redirect"),
        help(
            "write a URL, such as `redirect \"https://photos.example.org/\"`; `/*` at its end keeps the path"
        )
    )]
    BadRedirect {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("{status} is no status of a redirect")]
    #[diagnostic(
        code("resolve::bad-redirect-status"),
        help("write 302 or 307 for a while, 301 or 308 for good: browsers remember those")
    )]
    BadRedirectStatus {
        status: i128,
        #[label("not 301, 302, 307 or 308")]
        span: Span,
    },

    #[error("`{written}` is no timeout")]
    #[diagnostic(
        code("resolve::bad-timeout"),
        help("write a number and `ms`, `s`, `m` or `h`, such as `\"30s\"`")
    )]
    BadTimeout {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("`timeouts` that say none")]
    #[diagnostic(
        code("resolve::empty-timeouts"),
        help(
            "add `dial=\"3s\"`, how long connecting may take, or `response=\"2m\"`, until the answer begins"
        )
    )]
    EmptyTimeouts {
        #[label("neither `dial` nor `response`")]
        span: Span,
    },

    #[error("`{written}` is no size")]
    #[diagnostic(
        code("resolve::bad-size"),
        help("write a number and a unit, such as `\"10GB\"` or `\"512MiB\"`")
    )]
    BadSize {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("the header `{name}` cannot be set")]
    #[diagnostic(
        code("resolve::bad-header"),
        help("write it as `header \"X-Frame-Options\" \"DENY\"`")
    )]
    BadHeader {
        name: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("the header `{name}` is set twice")]
    #[diagnostic(code("resolve::duplicate-header"), help("keep one of the two"))]
    DuplicateHeader {
        name: String,
        #[label("again here")]
        span: Span,
        #[label("first here")]
        first: Span,
    },

    #[error("these lines cannot be put into the Caddyfile as they are")]
    #[diagnostic(
        code("resolve::bad-raw"),
        help(
            "write whole directives, each `{{` at the end of its line and each `}}` alone in its own"
        )
    )]
    BadRaw {
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("`raw` uses a matcher `{name}` that these lines do not have")]
    #[diagnostic(
        code("resolve::unknown-matcher"),
        help("define it in the same service's `raw` lines, such as `{name} path /admin/*`")
    )]
    UnknownMatcher {
        name: String,
        #[label("{name} is used here")]
        span: Span,
    },

    #[error("`raw` defines the matcher `{name}`, which is there already")]
    #[diagnostic(
        code("resolve::matcher-taken"),
        help(
            "give it another name, such as `@my-{bare}`: Caddy takes each name once, and the policy has some of its own"
        )
    )]
    MatcherTaken {
        name: String,
        bare: String,
        #[label("{name} is defined here")]
        span: Span,
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

    #[error("the services let in too many different sets of people")]
    #[diagnostic(
        code("resolve::too-many-audiences"),
        help(
            "let services that much the same people use name one group: those that let in exactly the same people share one list"
        )
    )]
    TooManyAudiences {
        sets: usize,
        listed: usize,
        most: usize,
        #[label("the {sets} sets up to this one list {listed} devices; {most} may be listed")]
        span: Span,
    },

    #[error("the landing page is another one for too many people")]
    #[diagnostic(
        code("resolve::landing-too-large"),
        help(
            "remove `landing`, or let people who open much the same services open the same: they share one page"
        )
    )]
    LandingTooLarge {
        pages: usize,
        most: usize,
        #[label("the first {pages} pages have more than {most} links")]
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

    #[error("`{written}` cannot be the methods of a public path")]
    #[diagnostic(
        code("resolve::bad-methods"),
        help("write those that are open, such as `methods=\"POST\"` or `methods=\"GET POST\"`")
    )]
    BadMethods {
        written: String,
        why: &'static str,
        #[label("{why}")]
        span: Span,
    },

    #[error("`share-links` without `app`")]
    #[diagnostic(
        code("resolve::share-links-without-app"),
        help(
            "add `app \"…\"`: the catalogue knows what its share links need; or open paths with `public`"
        )
    )]
    ShareLinksWithoutApp {
        #[label("of which app?")]
        span: Span,
    },

    #[error("the catalogue knows no share links of {app}")]
    #[diagnostic(
        code("resolve::no-share-links"),
        help("remove `share-links`, or open what you know to be safe with `public \"/…/*\"`")
    )]
    NoShareLinks {
        app: String,
        #[label("would open nothing")]
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

    #[error("the landing page and a service would both answer to `{host}`")]
    #[diagnostic(
        code("resolve::landing-host-taken"),
        help("give the service another `host`, or remove `landing`")
    )]
    LandingHostTaken {
        host: String,
        #[label("this service")]
        span: Span,
        #[label("the landing page")]
        landing: Span,
    },

    #[error("`behind` needs Caddy {needed} or later")]
    #[diagnostic(
        code("resolve::behind-needs-newer"),
        help(
            "write `caddy \"{needed}\"`, and see that no older one runs: it would believe whatever a visitor says of its address"
        )
    )]
    BehindNeedsNewer {
        needed: &'static str,
        #[label("the files are for older ones too, as `caddy` says")]
        span: Span,
    },

    #[error("no proxy speaks `{written}`")]
    #[diagnostic(code("resolve::unknown-forwarding"))]
    UnknownForwarding {
        written: String,
        #[label("not known")]
        span: Span,
        #[help]
        help: String,
    },

    #[error("`{written}` is no range of addresses")]
    #[diagnostic(
        code("resolve::bad-range"),
        help("write it as `\"192.168.0.0/16\"` or `\"fd00::/8\"`")
    )]
    BadRange {
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
