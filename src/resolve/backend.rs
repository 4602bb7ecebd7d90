//! What a service does with a request: upstreams, files, or a redirect.

use std::collections::BTreeMap;

use super::Mistake;
use crate::catalogue::App;
use crate::diagnostic::did_you_mean;
use crate::model::{
    Address, Backend, Files, HostPath, POLICIES, PathPattern, Proxy, Redirect, Scheme, Timeout,
    Transport, Trust, UpstreamTls, Upstreams, is_upstream_host,
};
use crate::parse::declaration::{
    FilesLine, RedirectLine, ServiceBlock, Text, TimeoutsLine, UpstreamLine,
};
use crate::source::Span;

/// Resolves what a service does with a request that is let in.
pub fn backend(
    block: &ServiceBlock,
    app: Option<&App>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Backend> {
    let upstream = block.upstreams.first().map(|line| line.addresses[0].span);
    let said = [
        ("upstream", upstream),
        ("files", block.files.as_ref().map(|line| line.root.span)),
        ("redirect", block.redirect.as_ref().map(|line| line.to.span)),
    ];
    let mut said = said
        .into_iter()
        .filter_map(|(what, span)| span.map(|span| (what, span)));
    match (said.next(), said.next()) {
        (None, _) => mistakes.push(Mistake::NoUpstream {
            service: block.name.value.clone(),
            span: block.name.span,
        }),
        (Some((one, first)), Some((other, span))) => mistakes.push(Mistake::SeveralBackends {
            one,
            other,
            span,
            first,
        }),
        (Some(("upstream", _)), None) => {}
        (Some((what, backend)), None) => refuse_unproxied(block, what, backend, mistakes),
    }
    // Each is read, so that all mistakes are told.
    let files = block.files.as_ref().map(|line| files(line, mistakes));
    let redirect = block.redirect.as_ref().map(|line| redirect(line, mistakes));
    let proxy = match block.upstreams.as_slice() {
        [] => None,
        lines => Some(proxy(block, lines, app, mistakes)),
    };
    match (proxy, files, redirect) {
        (Some(proxy), _, _) => proxy.map(Backend::Proxy),
        (None, Some(files), _) => files.map(Backend::Files),
        (None, None, redirect) => redirect?.map(Backend::Redirect),
    }
}

/// What has no meaning where nothing is passed on.
fn refuse_unproxied(
    block: &ServiceBlock,
    backend: &'static str,
    because: Span,
    mistakes: &mut Vec<Mistake>,
) {
    let timeouts = block.timeouts.as_ref().map(|line| line.span);
    let unproxied = [
        ("identity", block.identity),
        ("timeouts", timeouts),
        ("stream", block.stream),
    ];
    for (what, span) in unproxied {
        mistakes.extend(span.map(|span| Mistake::NothingUpstream {
            what,
            backend,
            span,
            because,
        }));
    }
}

fn files(line: &FilesLine, mistakes: &mut Vec<Mistake>) -> Option<Files> {
    let browse = line.browse.as_ref().is_some_and(|browse| browse.value);
    Files::new(&line.root.value, browse)
        .map_err(|why| mistakes.push(bad_host_path(&line.root, why)))
        .ok()
}

fn redirect(line: &RedirectLine, mistakes: &mut Vec<Mistake>) -> Option<Redirect> {
    let status = match &line.status {
        None => Some(302),
        Some(written) => {
            let known = Redirect::STATUSES.into_iter();
            let status = known
                .into_iter()
                .find(|status| i128::from(*status) == written.value);
            if status.is_none() {
                mistakes.push(Mistake::BadRedirectStatus {
                    status: written.value,
                    span: written.span,
                });
            }
            status
        }
    };
    match Redirect::new(&line.to.value, status.unwrap_or(302)) {
        Ok(redirect) => status.map(|_| redirect),
        Err(why) => {
            mistakes.push(Mistake::BadRedirect {
                written: line.to.value.clone(),
                why,
                span: line.to.span,
            });
            None
        }
    }
}

fn proxy(
    block: &ServiceBlock,
    lines: &[UpstreamLine],
    app: Option<&App>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Proxy> {
    let mut places: BTreeMap<Option<&str>, Span> = BTreeMap::new();
    let mut by_path = BTreeMap::new();
    let mut rest = None;
    let mut complete = true;
    for line in lines {
        let place = line.path.as_ref().map(|path| path.value.as_str());
        let span = line.path.as_ref().unwrap_or(&line.addresses[0]).span;
        if let Some(first) = places.insert(place, span) {
            mistakes.push(Mistake::DuplicateUpstream {
                place: place.map_or(String::from("all paths"), |path| format!("`{path}`")),
                span,
                first,
            });
        }
        // The app's own port is that of what answers all other paths.
        let port = app
            .filter(|_| line.path.is_none())
            .and_then(|app| app.port.as_ref());
        let upstreams = upstreams(line, port.map(|port| port.value), mistakes);
        let path = line.path.as_ref();
        let path = path.map(|written| upstream_path(written, mistakes));
        match (path, upstreams) {
            (Some(Some(path)), Some(upstreams)) => _ = by_path.insert(path, upstreams),
            (None, Some(upstreams)) => rest = Some(upstreams),
            _ => complete = false,
        }
    }
    if !places.contains_key(&None) {
        mistakes.push(Mistake::NoUpstreamForTheRest {
            service: block.name.value.clone(),
            span: block.name.span,
        });
    }
    let timeouts = block.timeouts.as_ref();
    let (dial_timeout, response_timeout) = match timeouts {
        Some(line) => read_timeouts(line, mistakes),
        None => (None, None),
    };
    complete.then_some(())?;
    let mut rest = rest?;
    for upstreams in by_path.values_mut().chain([&mut rest]) {
        upstreams.stream = block.stream.is_some();
        upstreams.transport.dial_timeout.clone_from(&dial_timeout);
        let response = &mut upstreams.transport.response_timeout;
        response.clone_from(&response_timeout);
    }
    Some(Proxy {
        by_path: by_path.into_iter().collect(),
        upstreams: rest,
    })
}

fn upstream_path(written: &Text, mistakes: &mut Vec<Mistake>) -> Option<PathPattern> {
    PathPattern::new(&written.value)
        .map_err(|why| {
            mistakes.push(Mistake::BadUpstreamPath {
                written: written.value.clone(),
                why,
                span: written.span,
            });
        })
        .ok()
}

fn read_timeouts(
    line: &TimeoutsLine,
    mistakes: &mut Vec<Mistake>,
) -> (Option<Timeout>, Option<Timeout>) {
    if line.dial.is_none() && line.response.is_none() {
        mistakes.push(Mistake::EmptyTimeouts { span: line.span });
    }
    let mut read = |written: &Option<Text>| {
        let written = written.as_ref()?;
        Timeout::new(&written.value)
            .map_err(|why| {
                mistakes.push(Mistake::BadTimeout {
                    written: written.value.clone(),
                    why,
                    span: written.span,
                });
            })
            .ok()
    };
    (read(&line.dial), read(&line.response))
}

fn upstreams(
    line: &UpstreamLine,
    port: Option<u16>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Upstreams> {
    let mut addresses: Vec<(Address, Span)> = Vec::new();
    for written in &line.addresses {
        match Address::new(&written.value, port) {
            Ok(address) => addresses.push((address, written.span)),
            Err(why) => mistakes.push(Mistake::BadUpstream {
                written: written.value.clone(),
                why,
                span: written.span,
            }),
        }
    }
    let (first, first_span) = addresses.first()?;
    for (address, span) in &addresses {
        if (address.scheme, &address.prefix) != (first.scheme, &first.prefix) {
            mistakes.push(Mistake::MixedUpstreams {
                span: *span,
                first: *first_span,
            });
        }
    }
    let upstreams = Upstreams {
        scheme: first.scheme,
        prefix: first.prefix.clone(),
        policy: policy(line, mistakes),
        stream: false,
        transport: Transport {
            tls: upstream_tls(line, first.scheme, *first_span, mistakes),
            ..Transport::default()
        },
        addresses: addresses.into_iter().map(|(address, _)| address).collect(),
    };
    (upstreams.addresses.len() == line.addresses.len()).then_some(upstreams)
}

fn policy(line: &UpstreamLine, mistakes: &mut Vec<Mistake>) -> Option<&'static str> {
    let written = line.policy.as_ref()?;
    if line.addresses.len() == 1 {
        mistakes.push(Mistake::PolicyForOne { span: written.span });
    }
    let policy = POLICIES.into_iter().find(|policy| *policy == written.value);
    if policy.is_none() {
        mistakes.push(Mistake::UnknownPolicy {
            written: written.value.clone(),
            span: written.span,
            help: did_you_mean(&written.value, POLICIES),
        });
    }
    policy
}

fn upstream_tls(
    line: &UpstreamLine,
    scheme: Scheme,
    address: Span,
    mistakes: &mut Vec<Mistake>,
) -> Option<UpstreamTls> {
    let verify = line.verify.as_ref();
    let said = [
        ("verify", verify.map(|verify| verify.span)),
        ("ca", line.ca.as_ref().map(|ca| ca.span)),
        (
            "server-name",
            line.server_name.as_ref().map(|name| name.span),
        ),
    ];
    if scheme != Scheme::Https {
        for (what, span) in said {
            mistakes.extend(span.map(|span| Mistake::NoTlsUpstream {
                what,
                span,
                address,
            }));
        }
    }
    let unverified = verify.filter(|verify| !verify.value);
    let trust = match (unverified, &line.ca) {
        (None, None) => Trust::System,
        (None, Some(ca)) => host_path(ca, mistakes).map_or(Trust::System, Trust::Authority),
        (Some(_), None) => Trust::Unverified,
        (Some(unverified), Some(ca)) => {
            mistakes.push(Mistake::AuthorityUnverified {
                span: ca.span,
                unverified: unverified.span,
            });
            Trust::Unverified
        }
    };
    let server_name = line.server_name.as_ref();
    if let Some(name) = server_name.filter(|name| !is_upstream_host(&name.value)) {
        mistakes.push(Mistake::BadServerName {
            written: name.value.clone(),
            span: name.span,
        });
    }
    (scheme == Scheme::Https).then(|| UpstreamTls {
        trust,
        server_name: server_name.map(|name| name.value.clone()),
    })
}

fn host_path(written: &Text, mistakes: &mut Vec<Mistake>) -> Option<HostPath> {
    HostPath::new(&written.value)
        .map_err(|why| mistakes.push(bad_host_path(written, why)))
        .ok()
}

fn bad_host_path(written: &Text, why: &'static str) -> Mistake {
    Mistake::BadHostPath {
        written: written.value.clone(),
        why,
        span: written.span,
    }
}
