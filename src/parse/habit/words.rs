//! Words that other tools have for what this language says in another way, or in another place.

use super::super::blocks::home_of;
use super::super::declaration::DECLARATION;

/// The help for a node that a block does not know; none where nothing is known of the word.
pub(in crate::parse) fn help_for_node(place: &str, word: &str) -> Option<String> {
    let is_ours = place == DECLARATION.place || home_of_place(place);
    if !is_ours {
        return None;
    }
    // In a service it is meant as its upstream, and not as the edge's.
    let is_upstream = place == "`service`" && word == "address";
    if let Some(home) = home_of(word).filter(|_| !is_upstream) {
        return Some(match home {
            "" => format!("`{word}` stands outside of all blocks: is a `}}` missing before it?"),
            home => format!(
                "`{word}` stands in {home}: is a `}}` too early, or this line in the wrong block?"
            ),
        });
    }
    let word = word.to_lowercase().replace('_', "-");
    let help = if place == DECLARATION.place {
        in_the_declaration(&word)?
    } else if place == "`service`" {
        in_a_service(&word)?
    } else if place == "`person`" {
        in_a_person(&word)?
    } else if place == "`edge`" {
        in_the_edge(&word)?
    } else {
        return None;
    };
    Some(help.to_owned())
}

fn home_of_place(place: &str) -> bool {
    [
        "`service`",
        "`person`",
        "`edge`",
        "`validity`",
        "`certificates`",
    ]
    .contains(&place)
}

fn in_the_declaration(word: &str) -> Option<&'static str> {
    Some(match word {
        "persons" | "people" | "user" | "users" | "member" | "members" | "client" | "clients" => {
            "each person is a block: `person \"alice\" { device \"pixel\" platform=\"android\"; }`"
        }
        "devices" => {
            "each device stands in the block of its person: `person \"alice\" { device \"pixel\" platform=\"android\"; }`"
        }
        "services" | "app" | "apps" | "site" | "sites" | "proxy" | "host" | "hosts" | "server"
        | "vhost" => {
            "each service is a block: `service \"immich\" { upstream \"http://10.0.0.7:2283\"; allow \"alice\"; }`"
        }
        "groups" | "role" | "roles" | "team" => {
            "each group is a line: `group \"family\" \"alice\" \"bob\"`"
        }
        "domains" | "hostname" | "zone" | "base-domain" => {
            "there is one domain: `domain \"home.example.com\"`"
        }
        "caddy-version" | "tls" | "acme" | "global" | "globals" | "settings" | "config"
        | "server-name" => "what is about the whole stands in `edge { … }`",
        _ => return None,
    })
}

fn in_a_service(word: &str) -> Option<&'static str> {
    Some(match word {
        "auth" | "basicauth" | "basic-auth" | "login" | "user" | "users" | "access" | "permit"
        | "grant" | "allowed" | "group" | "groups" | "person" | "people" => {
            "who may use it is said by `allow`, with people and groups: `allow \"family\"`"
        }
        "forward-auth" | "sso" | "oidc" | "oauth" | "oauth2" | "gateway" | "authelia"
        | "authentik" => {
            "who has no certificate signs in by `sign-in`, at the gateway that `edge` names: `sign-in \"authelia\" { upstream \"http://127.0.0.1:9091\"; }`"
        }
        "ssl" | "cert" | "https" => {
            "where the certificates of sites come from is said in `edge`, or for this service alone: `certificates \"internal\"`"
        }
        "url" | "backend" | "proxy" | "proxy-pass" | "reverse-proxy" | "target" | "address"
        | "addr" | "server" | "ip" | "to" | "container" | "upstreams" => {
            "where its requests go is said by `upstream \"http://HOST:PORT\"`"
        }
        "hostname" | "subdomain" | "hosts" | "domain" | "domains" | "server-name" => {
            "where it is found is said by `host`: `host \"photos\"`; by default it is the service's name"
        }
        "name" | "display-name" | "label" | "description" => {
            "the name that is shown is `title \"Photos\"`"
        }
        "header-up" => {
            "a header that upstreams are told is a line: `request-header \"X-Tenant\" \"home\"`"
        }
        "headers" | "add-header" | "header-down" => {
            "each header is a line: `header \"X-Frame-Options\" \"DENY\"`"
        }
        "root" | "static" | "file-server" | "directory" | "dir" => {
            "files are served by `files \"/srv/www\"`"
        }
        "redir" | "redirects" | "return" => {
            "visitors are sent on by `redirect \"https://photos.example.org/*\"`"
        }
        "websocket" | "websockets" | "ws" => "websockets need no line",
        "deny" | "block" | "forbid" => "nobody is let in but who is in `allow`",
        "paths" | "bypass" | "share" | "shares" | "unprotected" => {
            "paths that are open to everyone are said by `public \"/share/*\"`"
        }
        "lan" | "everyone" => {
            "who needs no certificate is said by `open`: `open \"lan\"`, `open \"everyone\"`"
        }
        "encode" | "gzip" => "files are made smaller on the way by `compress`",
        "rewrite" | "handle" | "import" => {
            "lines of a Caddyfile stand in `raw`: `raw \"rewrite /old /new\"`"
        }
        _ => return None,
    })
}

fn in_a_person(word: &str) -> Option<&'static str> {
    Some(match word {
        "devices" | "phone" | "laptop" | "tablet" | "computer" => {
            "each device is a line: `device \"pixel\" platform=\"android\"`"
        }
        "platform" | "os" | "version" => {
            "it belongs to a device: `device \"pixel\" platform=\"android\" version=15`"
        }
        "mail" | "e-mail" => "write `email \"alice@example.com\"`",
        "display-name" | "displayname" | "fullname" | "full-name" | "title" => {
            "the name that is shown is `name \"Alice Liddell\"`"
        }
        "lang" | "locale" => "write `language \"de\"`",
        "groups" | "group" | "member" => {
            "groups name their people: `group \"family\" \"alice\" \"bob\"`, outside of all blocks"
        }
        "allow" | "service" | "services" => {
            "services name who may use them: `allow \"alice\"`, in the block of the service"
        }
        "password" | "passphrase" => {
            "a .p12 has a password that is made for it: `homelab password alice/pixel` prints it"
        }
        _ => return None,
    })
}

fn in_the_edge(word: &str) -> Option<&'static str> {
    Some(match word {
        "ssl" | "cert" | "certs" => "write `certificates \"acme\"`",
        "dns" => "write `certificates \"dns\" provider=\"cloudflare\" token-env=\"CF_API_TOKEN\"`",
        "mail" | "e-mail" => "write `email \"alice@example.com\"`",
        "local" | "network" | "networks" | "ranges" | "home" => "write `lan \"192.168.0.0/16\"`",
        "trusted-proxies" | "proxy" | "proxies" => "write `behind \"10.0.0.2\"`",
        "forward-auth" | "sso" | "oidc" | "oauth" | "oauth2" | "gateway" | "authelia"
        | "authentik" => "write `sign-in \"authelia\" { upstream \"http://127.0.0.1:9091\"; }`",
        "version" => "write `caddy \"2.11\"`",
        "ssh" | "scp" | "rsync" | "deployment" | "deploy-to" | "target" | "host" | "remote"
        | "server" => {
            "where the edge is brought to is said by `deploy \"root@edge.lan\"`, as `ssh` takes it"
        }
        "reload" | "sudo" => "it is said of `deploy`: `deploy \"caddy@edge.lan\" sudo=#true`",
        "ip" | "ips" | "addr" | "addresses" | "public-ip" | "wan" => {
            "where visitors find the edge is said by `address \"203.0.113.7\"`"
        }
        "lan-address" | "lan-ip" | "local-ip" => {
            "write `address \"203.0.113.7\" lan-address=\"192.168.1.10\"`"
        }
        _ => return None,
    })
}

/// The help for a property that a node does not have; none where nothing is known of the word.
pub(in crate::parse) fn help_for_property(node: &str, word: &str) -> Option<String> {
    let word = word.to_lowercase().replace('_', "-");
    let help = match (node, word.as_str()) {
        (
            "upstream",
            "insecure"
            | "skip-verify"
            | "insecure-skip-verify"
            | "tls-insecure-skip-verify"
            | "tls-skip-verify",
        ) => "write `verify=#false`: its certificate is not verified then",
        ("certificates", "token" | "api-token" | "api-key" | "secret" | "password") => {
            "the token itself has no place in this file, which is committed: `token-env=\"CF_API_TOKEN\"` names the variable of Caddy's environment that holds it"
        }
        ("device", "os" | "type" | "system" | "kind") => "write `platform=\"android\"`",
        (
            "device",
            "expires" | "expiry" | "expire" | "end" | "ends" | "valid-until" | "not-after",
        ) => {
            "write `until=\"2026-12-27\"` for the day with which its certificate ends, or `validity=\"30d\"`"
        }
        ("allow" | "open", "path" | "paths") => {
            "a path has a policy of its own: `path \"/admin/*\" { allow \"alice\"; }`"
        }
        ("public", "from" | "network") => {
            "what is open in a network is said of a path: `path \"/hooks/*\" { open \"office\"; }`"
        }
        ("deploy", "host" | "hostname" | "to" | "ssh" | "server" | "address" | "remote") => {
            "where to stands behind `deploy`, as `ssh` takes it: `deploy \"root@edge.lan\"`"
        }
        ("deploy", "user" | "username" | "login") => {
            "the user stands before the host: `deploy \"root@edge.lan\"`; or say it in `~/.ssh/config`"
        }
        ("deploy", "port") => {
            "the port stands behind the host, as `ssh` takes it: `deploy \"ssh://root@edge.lan:2222\"`; or say it in `~/.ssh/config`"
        }
        (
            "deploy",
            "key" | "identity" | "identity-file" | "password" | "options" | "ssh-options",
        ) => "how the host is reached is `ssh`'s own to know: say it in `~/.ssh/config`",
        ("deploy", "rsync" | "scp" | "method") => {
            "nothing but `ssh` is asked, and nothing but a shell and `tar` is needed there: take it out"
        }
        ("deploy", "dir" | "directory" | "folder" | "dest" | "destination" | "target") => {
            "the directory on the host is `path=\"/etc/caddy/homelab\"`"
        }
        ("deploy", "caddyfile") => {
            "the Caddyfile that Caddy is started with is `config=\"/etc/caddy/Caddyfile\"`"
        }
        ("deploy", "docker" | "podman") => {
            "write `container=\"caddy\"`, and for Podman `engine=\"podman\"`"
        }
        ("deploy", "command" | "restart" | "post-deploy" | "hook") => {
            "what has Caddy load its configuration anew is `reload=\"systemctl reload caddy\"`"
        }
        ("address", "lan" | "local" | "home" | "internal" | "private") => {
            "the address at home is `lan-address=\"192.168.1.10\"`"
        }
        ("address", "public" | "wan" | "ip" | "ipv4" | "ipv6" | "v4" | "v6") => {
            "the addresses stand behind the word: `address \"203.0.113.7\" \"2001:db8::7\"`"
        }
        ("public" | "path", "method" | "verbs" | "verb") => {
            "write `methods=\"POST\"`, several as `methods=\"GET POST\"`"
        }
        _ => return None,
    };
    Some(help.to_owned())
}
