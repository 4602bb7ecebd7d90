//! Where visitors sign in, and which services ask them to.

use std::collections::BTreeSet;

use super::Resolver;
use super::names::Declared;
use crate::catalogue::{self, GatewayPreset};
use crate::diagnostic::{did_you_mean, mistake};
use crate::model::{Gateway, GatewayUri, PathPattern, SignIn, ToldHeader, Upstreams};
use crate::parse::declaration::{
    AllowLine, GatewayBlock, OpenLine, ServiceBlock, SignInLine, Text,
};
use crate::source::Span;

/// What services know of the gateway.
#[derive(Clone, Copy)]
pub(super) enum KnownGateway<'g> {
    Undeclared,
    /// What is wrong with it has been said.
    Wrong,
    Right(&'g Gateway),
}

/// What `identity` tells upstreams.
const IDENTITY: &str = "remote-";

impl Resolver<'_> {
    /// Reads `sign-in "authelia" { … }`: what it does not say, a preset says.
    pub(super) fn gateway(&mut self, block: &GatewayBlock) -> Option<Gateway> {
        let preset = catalogue::gateway(&block.name.value);
        let name = self.declare(&mut Declared::new("sign-in"), &block.name);
        let upstreams = self.gateway_upstreams(block);
        let uri = self.gateway_uri(block.uri.as_ref(), preset.map(|preset| preset.uri.as_str()));
        let page = preset.and_then(|preset| preset.page.as_deref());
        let page = self.gateway_uri(block.page.as_ref(), page);
        let user = match &block.user {
            Some(written) => self.told_header(written),
            None => preset.map(|preset| built_in(ToldHeader::new(&preset.user))),
        };
        let headers = self.gateway_headers(block, preset, user.as_ref());
        let own = self.gateway_own(block, preset);
        if preset.is_none() && (block.uri.is_none() || block.user.is_none()) {
            self.refuse_unknown_gateway(&block.name);
        }
        Some(Gateway {
            name: name?,
            upstreams: upstreams?,
            uri: uri?,
            user: user?,
            headers,
            own,
            page,
        })
    }

    fn refuse_unknown_gateway(&mut self, written: &Text) {
        let name = &written.value;
        let presets = catalogue::gateways().map(|preset| preset.name.as_str());
        let meant = did_you_mean(name, presets);
        self.refuse(mistake!(
            "resolve::unknown-gateway",
            "nobody knows how `{name}` is asked who somebody is",
            at(written.span, "no preset"),
            help("of a gateway that is no preset say its `uri`, and the header in which it says who, as `user \"Remote-User\"`; {meant}"),
        ));
    }

    fn gateway_upstreams(&mut self, block: &GatewayBlock) -> Option<Upstreams> {
        let Some(line) = &block.upstream else {
            let name = &block.name.value;
            self.refuse_absence(mistake!(
                "resolve::gateway-incomplete",
                "`sign-in` does not say where its gateway is",
                at(block.name.span, "no `upstream`"),
                help("write `sign-in \"{name}\" {{ upstream \"http://127.0.0.1:9091\"; }}`"),
            ));
            return None;
        };
        let upstreams = self.upstreams(line, None)?;
        let in_address = upstreams.prefix.as_ref().map(|_| line.addresses[0].span);
        if let Some(span) = line.path.as_ref().map(|path| path.span).or(in_address) {
            self.refuse(mistake!(
                "resolve::gateway-path",
                "the upstream of a gateway has a path",
                at(span, "a gateway is asked by its `uri` alone"),
                help("write the address alone, such as `upstream \"http://127.0.0.1:9091\"`, and the path in `uri`"),
            ));
        }
        Some(upstreams)
    }

    fn gateway_uri(&mut self, written: Option<&Text>, preset: Option<&str>) -> Option<GatewayUri> {
        let Some(written) = written else {
            return preset.map(|uri| built_in(GatewayUri::new(uri)));
        };
        self.read(written, GatewayUri::new, |uri, why| {
            mistake!(
                "resolve::bad-gateway-uri",
                "a gateway cannot be asked for `{uri}`",
                at(written.span, "{why}"),
                help("write a path of the gateway, such as `uri \"/api/authz/forward-auth\"`"),
            )
        })
    }

    fn told_header(&mut self, written: &Text) -> Option<ToldHeader> {
        self.read(written, ToldHeader::new, |name, why| {
            mistake!(
                "resolve::bad-gateway-header",
                "a gateway cannot say who somebody is with `{name}`",
                at(written.span, "{why}"),
                help("write the name of a header that it alone sends, such as `Remote-User`"),
            )
        })
    }

    fn gateway_headers(
        &mut self,
        block: &GatewayBlock,
        preset: Option<&GatewayPreset>,
        user: Option<&ToldHeader>,
    ) -> Vec<ToldHeader> {
        let preset = preset.map_or(&[][..], |preset| &preset.headers);
        let mut headers = match block.headers.as_slice() {
            [] => all_built_in(preset, ToldHeader::new),
            written => { self.each_once(written).into_iter() }
                .filter_map(|name| self.told_header(name))
                .collect(),
        };
        // Who lists all of them has written the first one again.
        let mut known: BTreeSet<String> = { user.into_iter() }
            .map(|user| user.as_str().to_ascii_lowercase())
            .collect();
        headers.retain(|header| known.insert(header.as_str().to_ascii_lowercase()));
        headers
    }

    fn gateway_own(
        &mut self,
        block: &GatewayBlock,
        preset: Option<&GatewayPreset>,
    ) -> Vec<PathPattern> {
        let preset = preset.map_or(&[][..], |preset| &preset.own);
        let mut own = match block.own.as_slice() {
            [] => all_built_in(preset, PathPattern::new),
            written => { self.each_once(written).into_iter() }
                .filter_map(|path| self.own_path(path))
                .collect(),
        };
        own.sort();
        own
    }

    fn own_path(&mut self, written: &Text) -> Option<PathPattern> {
        self.read(written, PathPattern::new, |path, why| {
            mistake!(
                "resolve::bad-own-path",
                "`{path}` cannot be a path of the gateway's own",
                at(written.span, "{why}"),
                help("write plain segments, and at most one `*` in the last, such as `own \"/oauth2/*\"`"),
            )
        })
    }

    /// Reads `sign-in`, or `sign-in "also"`, beside others that are let in or alone.
    pub(super) fn sign_in(
        &mut self,
        line: &SignInLine,
        gateway: KnownGateway<'_>,
        beside: Beside,
    ) -> Option<SignIn> {
        if matches!(gateway, KnownGateway::Undeclared) {
            self.refuse_absence(mistake!(
                "resolve::no-gateway",
                "`sign-in` where nobody can sign in",
                at(line.span, "at which gateway?"),
                help("declare it: `edge {{ sign-in \"authelia\" {{ upstream \"http://127.0.0.1:9091\"; }}; }}`"),
            ));
        }
        let Some(word) = &line.word else {
            return Some(SignIn::Instead);
        };
        let known = |word: &str| (word == SignIn::ALSO).then_some(SignIn::Also);
        let sign_in = self.know(word, known, |word| {
            let help = match catalogue::gateway(word) {
                Some(_) => format!("the gateway stands in `edge {{ sign-in \"{word}\" {{ … }}; }}`, and here `sign-in` alone"),
                None => "write `sign-in`, by which a certificate or a sign-in is enough, or `sign-in \"also\"`, which takes both".into(),
            };
            mistake!(
                "resolve::unknown-sign-in",
                "`sign-in` knows no `{word}`",
                at(line.word_span(), "not known"),
                help(help),
            )
        })?;
        if beside == Beside::Nobody {
            self.refuse_absence(mistake!(
                "resolve::also-alone",
                "`sign-in \"also\"`, and nobody is let in besides",
                at(line.word_span(), "also to what?"),
                help("add `allow \"…\"`, or write `sign-in` alone: then signing in is enough"),
            ));
        }
        Some(sign_in)
    }

    /// Upstreams are told one thing in each header.
    pub(super) fn refuse_told_twice(&mut self, block: &ServiceBlock, gateway: KnownGateway<'_>) {
        let KnownGateway::Right(gateway) = gateway else {
            return;
        };
        let below = block.paths.iter().filter_map(|path| path.sign_in.as_ref());
        let lines: Vec<&SignInLine> = block.sign_in.iter().chain(below).collect();
        let Some(first) = lines.first() else { return };
        let also = lines.iter().find(|line| line.word.is_some());
        let name = &gateway.name;
        if let Some((identity, also)) = block.identity.zip(also)
            && let Some(told) = gateway.told().find(|told| is_of_identity(told))
        {
            let told = told.as_str();
            self.refuse(mistake!(
                "resolve::told-twice",
                "the upstream would be told of two people in `{told}`",
                at(identity, "whose certificate it is"),
                at(also.span, "and who has signed in at {name}"),
                help("remove `identity`: with `sign-in \"also\"` the gateway says who somebody is"),
            ));
        }
        for line in &block.request_headers {
            let header = &line.name.value;
            if gateway.told().any(|told| told.is(header)) {
                self.refuse(mistake!(
                    "resolve::header-told-twice",
                    "the upstream would be told two things in `{header}`",
                    at(line.name.span, "this, whoever comes"),
                    at(first.span, "and what {name} says of them"),
                    help("give the header another name"),
                ));
            }
        }
    }
}

/// Who else is let in where `sign-in` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    Others,
    Nobody,
}

impl Beside {
    pub(super) fn of(allow: &[AllowLine], open: Option<&OpenLine>) -> Beside {
        match (allow, open) {
            ([], None) => Beside::Nobody,
            _ => Beside::Others,
        }
    }
}

impl SignInLine {
    fn word_span(&self) -> Span {
        self.word.as_ref().map_or(self.span, |word| word.span)
    }
}

fn is_of_identity(header: &ToldHeader) -> bool {
    header.as_str().to_ascii_lowercase().starts_with(IDENTITY)
}

fn all_built_in<T>(texts: &[String], reader: impl Fn(&str) -> Result<T, &'static str>) -> Vec<T> {
    texts.iter().map(|text| built_in(reader(text))).collect()
}

fn built_in<T>(read: Result<T, &'static str>) -> T {
    read.expect("a test reads every preset")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_used() {
        for preset in catalogue::gateways() {
            let headers = preset.headers.iter().chain([&preset.user]);
            headers.for_each(|name| assert!(ToldHeader::new(name).is_ok(), "{name}"));
            let uris = [&preset.uri].into_iter().chain(&preset.page);
            uris.for_each(|uri| assert!(GatewayUri::new(uri).is_ok(), "{uri}"));
            let own = preset.own.iter();
            own.for_each(|path| assert!(PathPattern::new(path).is_ok(), "{path}"));
            assert!(
                crate::model::Name::new(&preset.name).is_ok(),
                "{}",
                preset.name
            );
        }
    }
}
