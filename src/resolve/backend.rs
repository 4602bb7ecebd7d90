//! What a service does with a request: upstreams, files, or a redirect.

use std::collections::BTreeMap;

use super::Resolver;
use crate::catalogue::App;
use crate::diagnostic::mistake;
use crate::model::{Backend, Files, PathPattern, Proxy, Redirect, Timeout};
use crate::parse::declaration::{
    FilesLine, RedirectLine, ServiceBlock, Text, TimeoutsLine, UpstreamLine,
};
use crate::source::Span;

impl Resolver<'_> {
    /// What a service does with a request that is let in.
    pub(super) fn backend(&mut self, block: &ServiceBlock, app: Option<&App>) -> Option<Backend> {
        self.refuse_all_but_one_backend(block);
        // Each is read, so that all mistakes are told.
        let files = block.files.as_ref().map(|line| self.files(line));
        let redirect = block.redirect.as_ref().map(|line| self.redirect(line));
        let respond = block.respond.as_ref().map(|line| self.respond(line));
        let proxy = match block.upstreams.as_slice() {
            [] => None,
            lines => Some(self.proxy(block, lines, app)),
        };
        match (proxy, files, redirect) {
            (Some(proxy), _, _) => proxy.map(Backend::Proxy),
            (None, Some(files), _) => files.map(Backend::Files),
            (None, None, Some(redirect)) => redirect.map(Backend::Redirect),
            (None, None, None) => respond?.map(Backend::Respond),
        }
    }

    fn refuse_all_but_one_backend(&mut self, block: &ServiceBlock) {
        let upstream = block.upstreams.first().map(|line| line.addresses[0].span);
        let said = [
            ("upstream", upstream),
            ("files", block.files.as_ref().map(|line| line.root.span)),
            ("redirect", block.redirect.as_ref().map(|line| line.to.span)),
            ("respond", block.respond.as_ref().map(|line| line.text.span)),
        ];
        let said = said
            .into_iter()
            .filter_map(|(what, span)| Some((what, span?)));
        match said.collect::<Vec<_>>().as_slice() {
            [] => {
                let service = &block.name.value;
                self.refuse_absence(mistake!(
                    "resolve::no-upstream",
                    "the service `{service}` does not say where its requests go",
                    at(block.name.span, "no `upstream`, `files`, `redirect` or `respond`"),
                    help("add `upstream \"http://HOST:PORT\"`, or `files \"/srv/www\"`, or `redirect \"https://…\"`"),
                ));
            }
            [("upstream", _)] => {}
            [(what, backend)] => self.refuse_unproxied(block, what, *backend),
            [(one, first), (other, span), ..] => self.refuse(mistake!(
                "resolve::several-backends",
                "`{one}` and `{other}` in one service",
                at(*span, "`{other}` says another"),
                at(*first, "`{one}` says one thing"),
                help("keep one of the two, or make two services of it"),
            )),
        }
    }

    /// What has no meaning where nothing is passed on.
    fn refuse_unproxied(&mut self, block: &ServiceBlock, backend: &str, because: Span) {
        let timeouts = block.timeouts.as_ref().map(|line| line.span);
        let health = block.health.as_ref().map(|line| line.uri.span);
        let host_header = block.host_header.as_ref().map(|host| host.span);
        let told = block.request_headers.first().map(|line| line.name.span);
        for (what, span) in [
            ("identity", block.identity),
            ("timeouts", timeouts),
            ("stream", block.stream),
            ("health", health),
            ("host-header", host_header),
            ("request-header", told),
        ] {
            let Some(span) = span else { continue };
            self.refuse(mistake!(
                "resolve::nothing-upstream",
                "`{what}` beside `{backend}`",
                at(span, "has no meaning here"),
                at(because, "`{backend}` answers itself"),
                help("remove `{what}`: nothing is passed on to an upstream here"),
            ));
        }
    }

    fn files(&mut self, line: &FilesLine) -> Option<Files> {
        let browse = line.browse.as_ref().is_some_and(|browse| browse.value);
        let files = self.host_path(&line.root, Files::new)?;
        Some(Files { browse, ..files })
    }

    /// A path on the Caddy host, as a reader such as `HostPath::new` takes it.
    pub(super) fn host_path<T>(
        &mut self,
        written: &Text,
        reader: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        self.read(written, reader, |path, why| {
            mistake!(
                "resolve::bad-host-path",
                "`{path}` cannot be a path on the Caddy host",
                at(written.span, "{why}"),
                help("write an absolute path, such as `\"/srv/www\"`"),
            )
        })
    }

    fn redirect(&mut self, line: &RedirectLine) -> Option<Redirect> {
        let status = match &line.status {
            None => Some(302),
            Some(written) => {
                let mut known = Redirect::STATUSES.into_iter();
                let status = written.value;
                let found = known.find(|known| i128::from(*known) == status);
                if found.is_none() {
                    self.refuse(mistake!(
                        "resolve::bad-redirect-status",
                        "{status} is no status of a redirect",
                        at(written.span, "not 301, 302, 307 or 308"),
                        help("write 302 or 307 for a while, 301 or 308 for good: browsers remember those"),
                    ));
                }
                found
            }
        };
        let redirect = self.redirect_to(&line.to, status.unwrap_or(302));
        status.and(redirect)
    }

    fn proxy(
        &mut self,
        block: &ServiceBlock,
        lines: &[UpstreamLine],
        app: Option<&App>,
    ) -> Option<Proxy> {
        let mut places: BTreeMap<Option<&str>, Span> = BTreeMap::new();
        let mut by_path = BTreeMap::new();
        let mut rest = None;
        let mut complete = true;
        for line in lines {
            let path = line.path.as_ref();
            let span = path.unwrap_or(&line.addresses[0]).span;
            if let Some(first) = places.insert(path.map(|path| path.value.as_str()), span) {
                self.refuse_second_upstream(path, span, first);
            }
            // The app's own port is that of what answers all other paths.
            let port = app
                .filter(|_| path.is_none())
                .and_then(|app| app.port.as_ref());
            let upstreams = self.upstreams(line, port.map(|port| port.value));
            match (path.map(|path| self.upstream_path(path)), upstreams) {
                (Some(Some(path)), Some(upstreams)) => _ = by_path.insert(path, upstreams),
                (None, Some(upstreams)) => rest = Some(upstreams),
                _ => complete = false,
            }
        }
        if !places.contains_key(&None) {
            let service = &block.name.value;
            self.refuse_absence(mistake!(
                "resolve::no-upstream-for-the-rest",
                "no upstream of `{service}` takes what the others leave",
                at(block.name.span, "each of its upstreams has a `path`"),
                help("add an `upstream` without `path`: where all other requests go"),
            ));
        }
        let (dial_timeout, response_timeout) = match &block.timeouts {
            Some(line) => self.timeouts(line),
            None => (None, None),
        };
        let health = block.health.as_ref().map(|line| self.health(line));
        let own_host = block.host_header.as_ref();
        let own_host = own_host.map(|written| self.is_told_its_own_host(written));
        complete.then_some(())?;
        let mut rest = rest?;
        for upstreams in by_path.values_mut().chain([&mut rest]) {
            upstreams.stream = block.stream.is_some();
            upstreams.own_host = own_host.flatten().unwrap_or_default();
            upstreams.health = health.clone().flatten().map(Box::new);
            let transport = &mut upstreams.transport;
            transport.dial_timeout.clone_from(&dial_timeout);
            transport.response_timeout.clone_from(&response_timeout);
        }
        Some(Proxy {
            by_path: by_path.into_iter().collect(),
            upstreams: rest,
        })
    }

    fn refuse_second_upstream(&mut self, path: Option<&Text>, span: Span, first: Span) {
        let place = match path {
            Some(path) => format!("`{}`", path.value),
            None => "all paths".into(),
        };
        self.refuse(mistake!(
            "resolve::duplicate-upstream",
            "two upstreams for {place}",
            at(span, "again here"),
            at(first, "first here"),
            help("write both addresses in one `upstream`, and perhaps a `policy`; or give one another `path`"),
        ));
    }

    fn upstream_path(&mut self, written: &Text) -> Option<PathPattern> {
        let reader = |text: &str| {
            let path = PathPattern::new(text)?;
            let is_taken = path.is_exact_or_below();
            is_taken
                .then_some(path)
                .ok_or("a `*` stands elsewhere than alone at the end")
        };
        self.read(written, reader, |path, why| {
            mistake!(
                "resolve::bad-upstream-path",
                "`{path}` cannot be the path of an upstream",
                at(written.span, "{why}"),
                help(
                    "write plain segments, and at most `/*` at the end, such as `path=\"/api/*\"`"
                ),
            )
        })
    }

    fn timeouts(&mut self, line: &TimeoutsLine) -> (Option<Timeout>, Option<Timeout>) {
        if line.dial.is_none() && line.response.is_none() {
            self.refuse_absence(mistake!(
                "resolve::empty-timeouts",
                "`timeouts` that say none",
                at(line.span, "neither `dial` nor `response`"),
                help("add `dial=\"3s\"`, how long connecting may take, or `response=\"2m\"`, until the answer begins"),
            ));
        }
        let mut read = |written: &Option<Text>| self.timeout(written.as_ref()?);
        (read(&line.dial), read(&line.response))
    }

    pub(super) fn timeout(&mut self, written: &Text) -> Option<Timeout> {
        self.read(written, Timeout::new, |text, why| {
            mistake!(
                "resolve::bad-timeout",
                "`{text}` is no timeout",
                at(written.span, "{why}"),
                help("write a number and `ms`, `s`, `m` or `h`, such as `\"30s\"`"),
            )
        })
    }
}
