//! The table of forms.

use std::fmt;
use std::str::FromStr;

use super::place::Found;
use super::rules::{addresses, admin, checks, handshake, order, paths, upstreams, ways};
use super::subject::Subject;
use crate::diagnostic::closest;

/// A form of a configuration that lets somebody in.
pub struct Form {
    /// Such as `lint::negative-check`.
    pub code: &'static str,
    /// Why it lets somebody in, and whom.
    pub why: &'static str,
    /// What to write instead.
    pub instead: &'static str,
    pub(super) find: for<'s, 'c> fn(&'s Subject<'c>) -> Vec<Found>,
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

/// A form is named by its code, with or without `lint::`.
impl FromStr for &'static Form {
    type Err = String;

    fn from_str(text: &str) -> Result<&'static Form, String> {
        let text = text.strip_prefix("lint::").unwrap_or(text);
        let form = FORMS.iter().find(|form| form.name() == text);
        let known = || FORMS.iter().map(Form::name);
        form.ok_or_else(|| match closest(text, known()) {
            Some(closest) => format!("did you mean `{closest}`?"),
            None => String::from("docs/lint.md has all forms"),
        })
    }
}

impl Form {
    /// Its code without what all codes of forms begin with.
    pub fn name(&self) -> &'static str {
        self.code.strip_prefix("lint::").unwrap_or(self.code)
    }
}

/// All of them: of the handshake, of what is asked of a certificate, of addresses, of order, of paths, of upstreams, of the rest.
pub const FORMS: &[Form] = &[
    Form {
        code: "lint::empty-client-auth",
        why: "without a mode or an authority Caddy asks for no certificate, and says nothing of it",
        instead: "name the authority, `client_auth { mode require_and_verify; trust_pool inline { trust_der … } }`, or take the block out",
        find: handshake::empty,
    },
    Form {
        code: "lint::no-authority",
        why: "without an authority of your own, those of the machine count: a certificate that any public authority has signed is let in",
        instead: "name your authority beside the mode: `trust_pool inline { trust_der … }`, or `trusted_ca_cert …` before Caddy 2.8",
        find: handshake::no_authority,
    },
    Form {
        code: "lint::certificate-not-verified",
        why: "`require` and `request` ask for a certificate and verify none: whoever signs one for themselves has one",
        instead: "`mode require_and_verify` with your authority; or let in by a list of fingerprints, `vars {http.request.tls.client.fingerprint} …`",
        find: handshake::not_verified,
    },
    Form {
        code: "lint::certificate-not-looked-at",
        why: "`verify_if_given` and `request` let whoever has no certificate go on; nothing after that asks for one",
        instead: "`mode require_and_verify`; or a list, `@allowed vars {http.request.tls.client.fingerprint} …`, and `error 403` for the rest",
        find: handshake::unchecked,
    },
    Form {
        code: "lint::strict-sni-off",
        why: "a handshake for a site that asks for no certificate opens every other site by its name in `Host`",
        instead: "`servers { strict_sni_host on }`, or take the line out: Caddy has it on where certificates are asked for",
        find: handshake::strict_sni_off,
    },
    Form {
        code: "lint::policy-shadowed",
        why: "of several policies for a handshake the first that is for the name counts, so that this one never does",
        instead: "put the policy with `client_authentication` first",
        find: handshake::shadowed,
    },
    Form {
        code: "lint::name-never-said",
        why: "browsers say a name in its ASCII form, `xn--…`; Caddy up to 2.11.1 then takes no policy for it, and asks for no certificate",
        instead: "the site's name in its ASCII form, or Caddy 2.11.7",
        find: handshake::never_named,
    },
    Form {
        code: "lint::wildcard-left",
        why: "up to Caddy 2.11.4 the wildcard's `client_auth` held for the sites below it; later each site has its own, and this one has none",
        instead: "give the site `tls { client_auth … }` too; if everybody may see it, say so by `--allow wildcard-left`",
        find: handshake::wildcard_left,
    },
    Form {
        code: "lint::public-authority",
        why: "whoever gets a certificate there gets in; all that is proved is that somebody has some name",
        instead: "an authority of your own, which signs nobody else: `homelab build` makes one",
        find: handshake::public_authority,
    },
    Form {
        code: "lint::own-authority-signs-for-all",
        why: "whoever asks `acme_server` for a certificate gets one, and gets in with it",
        instead: "trust an authority for clients that signs nothing else, or give `acme_server` a policy with `allow`",
        find: handshake::own_authority_signs_for_all,
    },
    Form {
        code: "lint::sessions-cross",
        why: "up to Caddy 2.10 a session that was begun at one site is resumed at another without its certificate being looked at again (CVE-2025-68121)",
        instead: "Caddy 2.11.4 or later; or hold each request against a list: `@allowed vars {http.request.tls.client.fingerprint} …`",
        find: handshake::sessions_cross,
    },
    Form {
        code: "lint::negative-check",
        why: "where there is no certificate, the placeholder may be something else than nothing: who has none is let in",
        instead: "ask for what is allowed: `@allowed vars {http.request.tls.client.fingerprint} 3f… 9a…`",
        find: checks::negative,
    },
    Form {
        code: "lint::either-is-enough",
        why: "of several `vars` in one matcher Caddy takes any one: who meets the other needs no certificate",
        instead: "one `expression` with `&&` between them, or a matcher of its own for each, one handler within the other",
        find: checks::either_is_enough,
    },
    Form {
        code: "lint::part-of-subject",
        why: "other names have the same part: `^CN=alice` is met by `CN=alice2`",
        instead: "say the whole, `vars {http.request.tls.client.subject} \"CN=alice,O=Home\"`, or better the certificate's fingerprint",
        find: checks::part_of_subject,
    },
    Form {
        code: "lint::part-of-fingerprint",
        why: "other certificates have the same part, and one that has it is quickly made",
        instead: "say each fingerprint whole: `vars {http.request.tls.client.fingerprint} 3f… 9a…`",
        find: checks::part_of_fingerprint,
    },
    Form {
        code: "lint::fingerprint-of-nothing",
        why: "it is SHA-256 of nothing, which Caddy from 2.11.2 on takes for the fingerprint of who has no certificate",
        instead: "take it out, and look whose it was to be: `openssl x509 -noout -fingerprint -sha256 -in device.crt`",
        find: checks::of_nothing,
    },
    Form {
        code: "lint::default-is-somebody",
        why: "a `map` gives its default to whoever is not in it, so to who has no certificate",
        instead: "`default \"\"`, and let in by name",
        find: checks::default_is_somebody,
    },
    Form {
        code: "lint::believed-header",
        why: "whoever reaches this server can send that header",
        instead: "go by the address, `client_ip` with `trusted_proxies`, or ask who it is here",
        find: checks::believed_header,
    },
    Form {
        code: "lint::filled-in-twice",
        why: "from 2.7.0 to 2.11.1 Caddy fills in what a visitor has sent in braces before it looks at it (CVE-2026-30852)",
        instead: "`expression \"{http.request.uri}.matches(r'…')\"` in its place, or Caddy 2.11.4 or later",
        find: checks::filled_in_twice,
    },
    Form {
        code: "lint::everybody-is-home",
        why: "everybody has such an address",
        instead: "your own networks: `remote_ip 192.168.0.0/24 fd12:3456::/32`",
        find: addresses::everybody_is_home,
    },
    Form {
        code: "lint::range-too-wide",
        why: "strangers have those addresses: only `10.0.0.0/8`, `172.16.0.0/12` and `192.168.0.0/16` are private",
        instead: "`private_ranges`, or better your own networks",
        find: addresses::too_wide,
    },
    Form {
        code: "lint::forwarded-address",
        why: "up to Caddy 2.6 whoever sends `X-Forwarded-For: 192.168.0.2` is at home",
        instead: "`remote_ip` alone; behind a proxy of your own `client_ip`, with `servers { trusted_proxies static … }`",
        find: addresses::forwarded,
    },
    Form {
        code: "lint::every-proxy-trusted",
        why: "whoever sends `X-Forwarded-For` says where they come from, and upstreams believe it too",
        instead: "the addresses of your proxies: `trusted_proxies static 192.168.0.2`",
        find: addresses::every_proxy_trusted,
    },
    Form {
        code: "lint::every-proxy-protocol",
        why: "whoever begins a connection with a line of the PROXY protocol says where they come from",
        instead: "the addresses of your proxies: `proxy_protocol { allow 192.168.0.2/32 }`",
        find: addresses::proxy_protocol,
    },
    Form {
        code: "lint::guard-too-late",
        why: "Caddy sorts directives: `handle` and `route` come before `error`, `respond` and `abort`, and what answers first ends it",
        instead: "the refusal in a `handle` of its own above the others: `handle @denied { error 403 }`",
        find: order::guard_too_late,
    },
    Form {
        code: "lint::stripped-before-guard",
        why: "the path is gone when it is asked for, so that nobody is turned away",
        instead: "the guard without its path, within the same `handle_path`; or above what takes the path off, in a `route`",
        find: order::stripped_before,
    },
    Form {
        code: "lint::falls-through",
        why: "who is not let in by the list goes on to the next route, which leads to the same upstream",
        instead: "a last `handle { error 403 }`",
        find: ways::falls_through,
    },
    Form {
        code: "lint::open-elsewhere",
        why: "whoever takes the other name gets to the same service without a certificate",
        instead: "the same guard there, or take that site out; if it is meant, say so by `--allow open-elsewhere`",
        find: ways::elsewhere,
    },
    Form {
        code: "lint::without-tls",
        why: "without TLS there is no certificate: whoever says `http://` gets in",
        instead: "take the `http://` site out: Caddy redirects to HTTPS by itself",
        find: ways::without_tls,
    },
    Form {
        code: "lint::second-port",
        why: "whoever takes the other port gets in",
        instead: "the same `tls { client_auth … }` there",
        find: ways::second_port,
    },
    Form {
        code: "lint::errors-lead-in",
        why: "a refusal is an error, and the error's route passes the request on after all",
        instead: "answer in `handle_errors`, by `respond` or a file; or pass on those of 502 to 504 alone",
        find: ways::by_errors,
    },
    Form {
        code: "lint::open-by-path",
        why: "Caddy looks at the path made plain, and the upstream gets it as it was sent: `/share/..%5capi` and `/api/..%2fshare/` are open too",
        instead: "hold what was sent against a pattern besides: `expression \"{http.request.uri}.matches(r'^/share/([A-Za-z0-9_-]+/?)*$')\"`",
        find: paths::open_by_path,
    },
    Form {
        code: "lint::path-itself-open",
        why: "`/admin/*` is all that is below `/admin/`, and not `/admin`",
        instead: "both: `path /admin /admin/*`",
        find: paths::itself_open,
    },
    Form {
        code: "lint::forged-identity",
        why: "by this way a visitor says by that header who they are, and the upstream believes it",
        instead: "remove it there: `request_header -Remote-User`, or `header_up -Remote-User`",
        find: upstreams::forged_identity,
    },
    Form {
        code: "lint::gateway-not-heard",
        why: "where its routes give no answer, Caddy goes on to what comes next, although the gateway has refused",
        instead: "only for what admits: `@good status 2xx` and `handle_response @good { … }`, as `forward_auth` has it",
        find: upstreams::gateway_not_heard,
    },
    Form {
        code: "lint::gateway-header-kept",
        why: "where the gateway does not send that header, the upstream believes the visitor's own (CVE-2026-30851)",
        instead: "remove it before: `request_header -Remote-User` in a `route` above `forward_auth`; or Caddy 2.11.4 or later",
        find: upstreams::gateway_header_kept,
    },
    Form {
        code: "lint::visitor-chooses-upstream",
        why: "whoever sends another value gets to any service that this machine can reach",
        instead: "name the upstreams; where there are several, choose by `map`",
        find: upstreams::visitor_chooses,
    },
    Form {
        code: "lint::templates-of-upstream",
        why: "whoever can make the upstream say `{{env \"TOKEN\"}}` or `{{readFile …}}` reads what Caddy can",
        instead: "`templates` only where files of your own are served: in a `handle` with `file_server`",
        find: upstreams::templates,
    },
    Form {
        code: "lint::any-origin",
        why: "any page that a visitor opens reads this site as them: browsers send certificates and cookies along",
        instead: "the origins that you know: `@known header Origin https://app.example.com`, and the header for `@known`",
        find: upstreams::any_origin,
    },
    Form {
        code: "lint::known-password",
        why: "the hash is the example of Caddy's documentation, and everybody knows its password",
        instead: "one of your own: `caddy hash-password`",
        find: admin::known_password,
    },
    Form {
        code: "lint::keys-served",
        why: "whoever gets in reads private keys, Caddy's own among them",
        instead: "a directory that has nothing else in it: `root * /srv/www`",
        find: admin::keys_served,
    },
    Form {
        code: "lint::public-admin",
        why: "Caddy asks nobody there who they are",
        instead: "`admin localhost:2019 { enforce_origin }`, or a socket: `admin unix//run/caddy/admin.sock`; for metrics the directive `metrics`",
        find: admin::public,
    },
    Form {
        code: "lint::admin-for-any-page",
        why: "up to Caddy 2.11.0 any page in a browser on that machine may send to it (CVE-2026-27589)",
        instead: "`admin localhost:2019 { enforce_origin }`, or Caddy 2.11.4 or later",
        find: admin::without_origin,
    },
];
