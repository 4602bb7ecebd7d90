//! What can be said on the command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};

use super::verify::{EchoAt, Resolve};
use crate::model::DeviceId;
use crate::root::{Recipient, RootKey};

/// Compiles one homelab.kdl into a client-certificate authority, a .p12 per device, a Caddyfile that
/// lets in exactly those devices, and an install guide per person.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Begin a homelab: a commented homelab.kdl, a root secret, and what git needs to know
    Init(Init),
    /// Say everything that is wrong with homelab.kdl; needs no secret and changes nothing
    Check(Check),
    /// Say what a build would change, and what that means for people; needs no secret and changes
    /// nothing
    Plan(Plan),
    /// Make the output tree what homelab.kdl says
    Build(Build),
    /// Say how every device stands, and what is to be done; needs no secret and changes nothing
    Status(Status),
    /// Say what can be reached, and by whom; needs no secret and changes nothing
    Exposure(Exposure),
    /// Give devices new certificates; the older ones work until the window for renewal has passed
    Renew(Renew),
    /// Shut lost or stolen devices out at once, and say what to do next
    Revoke(Revoke),
    /// Go over to a new authority, root secret or identity, without locking anybody out
    Rotate(Rotate),
    /// Take over an authority that was made elsewhere, or trust it only
    Adopt(Adopt),
    /// Print the password of a device's .p12
    Password(Password),
    /// Print a device's key and certificate in PEM, or an authority's key, or write them to a file
    Export(Export),
    /// Hand a device's files to it over the local network, once
    Share(Share),
    /// Hold the output tree, a .p12, or what is served (`--live`) against the declaration and the lock
    Verify(Verify),
}

/// The declaration that a command is about.
#[derive(Debug, Args)]
pub struct Declaration {
    /// The declaration; homelab.lock, homelab.age and templates/ stand beside it
    #[arg(short, long, value_name = "FILE", default_value = "homelab.kdl")]
    pub file: PathBuf,
    /// Believe homelab.lock only if it is signed with this key, which `homelab status --json` has
    /// [default: $HOMELAB_ROOT_KEY]
    #[arg(long, value_name = "KEY")]
    pub root_key: Option<RootKey>,
}

/// How the root secret is opened.
#[derive(Debug, Args)]
pub struct Secret {
    /// The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or
    /// $XDG_CONFIG_HOME/homelab/identity.txt]
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// A command, run by sh, that prints the root secret, such as `age -d -i key.txt homelab.age`
    #[arg(long, value_name = "CMD", conflicts_with = "identity")]
    pub root_command: Option<String>,
    /// The passphrase that opens homelab.age now, in a file, or `-` for standard input [default: asked for
    /// on the terminal]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identity", "root_command"])]
    pub root_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Init {
    /// The domain that the services are to stand under
    #[arg(default_value = "home.example.com")]
    pub domain: String,
    /// The declaration to write
    #[command(flatten)]
    pub declaration: Declaration,
    /// The age identity to encrypt the root secret to [default: $HOMELAB_IDENTITY, or
    /// $XDG_CONFIG_HOME/homelab/identity.txt, which is made where there is none]
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Encrypt the root secret with a new passphrase, asked for on the terminal
    #[arg(long, conflicts_with = "identity")]
    pub passphrase: bool,
    /// The same with the new passphrase in a file, or `-` for standard input; `--root-passphrase-file` of
    /// other commands opens it then
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    pub passphrase_file: Option<PathBuf>,
    /// A command, run by sh, that encrypts the root secret, such as `age -r age1yubikey1… -a`
    #[arg(long, value_name = "CMD", requires = "root_command", conflicts_with_all = ["identity", "passphrase", "passphrase_file"])]
    pub seal_command: Option<String>,
    /// With `--seal-command`: a command that opens what it has encrypted, such as `age -d -i key.txt
    /// homelab.age`
    #[arg(long, value_name = "CMD", requires = "seal_command")]
    pub root_command: Option<String>,
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub declaration: Declaration,
    /// Let this device, such as alice/pixel, come in again with a certificate that was revoked, where
    /// homelab.lock went back to before that; once for each
    #[arg(long, value_name = "PERSON/DEVICE")]
    pub accept_return_of: Vec<DeviceId>,
}

#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub declaration: Declaration,
    /// The output tree [default: out/ beside the declaration]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What `build --edge` would change
    #[arg(long)]
    pub edge: bool,
    /// What `build --allow-retire N` would change
    #[arg(long, value_name = "N")]
    pub allow_retire: Option<usize>,
    /// Let this device, such as alice/pixel, come in again with a certificate that was revoked, where
    /// homelab.lock went back to before that; once for each
    #[arg(long, value_name = "PERSON/DEVICE")]
    pub accept_return_of: Vec<DeviceId>,
    /// As one JSON object, for scripts
    #[arg(long)]
    pub json: bool,
    /// Exit 4 where anything would change
    #[arg(long)]
    pub expect_no_changes: bool,
}

/// What an output tree is made from, and where.
#[derive(Debug, Args)]
pub struct Make {
    #[command(flatten)]
    pub declaration: Declaration,
    /// The output tree [default: out/ beside the declaration]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How many artifacts are made at once, 1 to 256 [default: one per processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub secret: Secret,
}

#[derive(Debug, Args)]
pub struct Build {
    #[command(flatten)]
    pub make: Make,
    /// Refuse to change homelab.lock: exit 4 where something would be issued or retired
    #[arg(long)]
    pub locked: bool,
    /// Write nothing: make everything anew in memory, compare, and exit 4 with each difference
    #[arg(long, conflicts_with = "edge")]
    pub check: bool,
    /// Make only out/edge/, which needs no secret
    #[arg(long)]
    pub edge: bool,
    /// Let so many devices be retired at once, where more than two and more than a third would be
    #[arg(long, value_name = "N")]
    pub allow_retire: Option<usize>,
    /// Let this device, such as alice/pixel, come in again with a certificate that was revoked, where
    /// homelab.lock went back to before that; once for each
    #[arg(long, value_name = "PERSON/DEVICE")]
    pub accept_return_of: Vec<DeviceId>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct Renew {
    /// The devices, such as alice/pixel
    #[arg(value_name = "PERSON/DEVICE", group = "which")]
    pub devices: Vec<DeviceId>,
    /// Every device whose renewal is due, or whose certificate has ended
    #[arg(long, group = "which")]
    pub due: bool,
    /// Every device
    #[arg(long, group = "which")]
    pub all: bool,
    /// Issue nothing: the new certificates of these devices, or with `--all` of every device, are installed,
    /// shut the older ones out
    #[arg(long, conflicts_with = "due")]
    pub finish: bool,
    #[command(flatten)]
    pub make: Make,
}

#[derive(Debug, Args)]
pub struct Revoke {
    /// The devices, such as alice/pixel
    #[arg(value_name = "PERSON/DEVICE", required = true)]
    pub devices: Vec<DeviceId>,
    /// Issue no other certificate to them, until `renew` does
    #[arg(long)]
    pub no_replace: bool,
    /// Let this other device come in again with a certificate that was revoked, where homelab.lock went
    /// back to before that; once for each
    #[arg(long, value_name = "PERSON/DEVICE")]
    pub accept_return_of: Vec<DeviceId>,
    #[command(flatten)]
    pub make: Make,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what"))]
pub struct Rotate {
    /// Begin: a new authority signs from now on, and the present one is trusted until `--finish`
    #[arg(long, group = "what")]
    pub authority: bool,
    /// Begin: a new root secret, and a new authority with it
    #[arg(long, group = "what")]
    pub root: bool,
    /// End: trust the new authority alone; refused while a device depends on another
    #[arg(long, group = "what")]
    pub finish: bool,
    /// Encrypt homelab.age anew, and change nothing else: to each `--recipient`, to others more or less
    /// (`--add`, `--remove`), with a passphrase, or by a `--seal-command`
    #[arg(long, group = "what")]
    pub reseal: bool,
    /// With `--finish`: lock out the devices that have not moved. With `--reseal`: encrypt homelab.age
    /// though no identity here opens it then
    #[arg(long, conflicts_with_all = ["authority", "root"])]
    pub force: bool,
    /// Whom to encrypt homelab.age to, once for each, such as age1… [default: whom it was encrypted to]
    #[arg(short, long, value_name = "KEY", conflicts_with = "authority")]
    pub recipient: Vec<Recipient>,
    /// With `--reseal`: encrypt homelab.age to this one too
    #[arg(long, value_name = "KEY", conflicts_with_all = ["recipient", "authority", "root", "finish"])]
    pub add: Vec<Recipient>,
    /// With `--reseal`: encrypt homelab.age to this one no more
    #[arg(long, value_name = "KEY", conflicts_with_all = ["recipient", "authority", "root", "finish"])]
    pub remove: Vec<Recipient>,
    /// With `--reseal`: encrypt with a new passphrase, asked for on the terminal
    #[arg(long, conflicts_with_all = ["recipient", "add", "remove", "authority", "root", "finish"])]
    pub passphrase: bool,
    /// The same with the new passphrase in a file, or `-` for standard input; the one that opens
    /// homelab.age now goes to `--root-passphrase-file`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["passphrase", "recipient", "add", "remove", "authority", "root", "finish"])]
    pub passphrase_file: Option<PathBuf>,
    /// A command, run by sh, that encrypts homelab.age, such as `age -r age1yubikey1… -a`; `--root-command`
    /// has to open it again
    #[arg(long, value_name = "CMD", requires = "root_command", conflicts_with_all = ["recipient", "add", "remove", "passphrase", "passphrase_file", "authority"])]
    pub seal_command: Option<String>,
    #[command(flatten)]
    pub declaration: Declaration,
    /// The output tree [default: out/ beside the declaration]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How many artifacts are made at once, 1 to 256 [default: one per processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or
    /// $XDG_CONFIG_HOME/homelab/identity.txt]
    // Without a file it is what `--reseal` was called before.
    #[arg(short, long, alias = "identity-file", value_name = "FILE", num_args = 0..=1, value_parser = clap::value_parser!(OsString), default_missing_value = "", hide_default_value = true)]
    pub identity: Vec<OsString>,
    /// A command, run by sh, that prints what homelab.age holds
    #[arg(long, value_name = "CMD")]
    pub root_command: Option<String>,
    /// The passphrase that opens homelab.age now, in a file, or `-` for standard input [default: asked for
    /// on the terminal]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identity", "root_command"])]
    pub root_passphrase_file: Option<PathBuf>,
}

/// What `homelab rotate` goes over from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotates {
    /// The authority.
    Authority,
    /// The root secret.
    Root,
    /// What was before, for good.
    Finish,
    /// Who opens homelab.age.
    Seal,
    /// The same, by the word that it had before.
    SealByOldName,
}

impl Rotate {
    /// What is asked for; none where that is not said.
    pub fn what(&self) -> Option<Rotates> {
        let bare = self.identity.iter().any(|file| file.is_empty());
        match (self.authority, self.root, self.finish, self.reseal) {
            (true, ..) => Some(Rotates::Authority),
            (_, true, ..) => Some(Rotates::Root),
            (_, _, true, _) => Some(Rotates::Finish),
            (_, _, _, true) => Some(Rotates::Seal),
            _ if bare => Some(Rotates::SealByOldName),
            _ => None,
        }
    }

    /// The identity that is named.
    pub fn identity(&self) -> Option<PathBuf> {
        let mut named = self.identity.iter().filter(|file| !file.is_empty());
        named.next_back().map(PathBuf::from)
    }

    /// What is built after it. With both an identity and a root command the one opens homelab.age and the other what is
    /// sealed in its place.
    pub fn make(&self) -> Make {
        let has_both = self.identity().is_some() && self.root_command.is_some();
        let (identity, root_command) = match (has_both, &self.seal_command) {
            (true, Some(_)) => (self.identity(), None),
            (true, None) => (None, self.root_command.clone()),
            (false, _) => (self.identity(), self.root_command.clone()),
        };
        Make {
            declaration: Declaration {
                file: self.declaration.file.clone(),
                root_key: self.declaration.root_key,
            },
            out: self.out.clone(),
            jobs: self.jobs,
            secret: Secret {
                identity,
                root_command,
                root_passphrase_file: self.root_passphrase_file.clone(),
            },
        }
    }
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("how").required(true))]
pub struct Adopt {
    /// The authority's certificate, such as ca.pem
    #[arg(value_name = "CERTIFICATE")]
    pub certificate: PathBuf,
    /// Its private key, such as ca.key: kept in homelab.age, and signed with from now on
    #[arg(short, long, value_name = "FILE", group = "how")]
    pub key: Option<PathBuf>,
    /// Trust what it has signed, and sign with the authority that is derived from the root secret
    #[arg(long, group = "how")]
    pub trust_only: bool,
    /// With `--key`: whom to encrypt homelab.age to, once for each, such as age1… [default: whom it was
    /// encrypted to]
    #[arg(short, long, value_name = "KEY", requires = "key")]
    pub recipient: Vec<Recipient>,
    /// With `--key`: a command, run by sh, that encrypts homelab.age, such as `age -r age1yubikey1… -a`;
    /// `--root-command` has to open it again
    #[arg(long, value_name = "CMD", requires_all = ["key", "root_command"], conflicts_with = "recipient")]
    pub seal_command: Option<String>,
    /// The passphrase of that key, in a file, or `-` for standard input [default: asked for on the terminal];
    /// that of homelab.age goes to `--root-passphrase-file`
    #[arg(long, value_name = "FILE", requires = "key")]
    pub passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub make: Make,
}

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub declaration: Declaration,
    /// As one JSON object, for scripts
    #[arg(long)]
    pub json: bool,
    /// Exit 4 where something is to be done, for monitoring
    #[arg(long)]
    pub exit_code: bool,
}

#[derive(Debug, Args)]
pub struct Exposure {
    #[command(flatten)]
    pub declaration: Declaration,
    /// As one JSON object, for scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Password {
    /// The device, such as alice/pixel
    #[arg(value_name = "PERSON/DEVICE")]
    pub device: DeviceId,
    #[command(flatten)]
    pub declaration: Declaration,
    #[command(flatten)]
    pub secret: Secret,
}

/// What `export` is about.
#[derive(Debug, Clone)]
pub enum Exported {
    /// A device's certificate and key.
    Device(DeviceId),
    /// The key of the authority that signs.
    AuthorityKey,
}

impl FromStr for Exported {
    type Err = <DeviceId as FromStr>::Err;

    fn from_str(text: &str) -> Result<Exported, Self::Err> {
        match text {
            "authority-key" => Ok(Exported::AuthorityKey),
            device => device.parse().map(Exported::Device),
        }
    }
}

/// Which of a device's two is exported; both where none is named.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Form {
    /// The certificate and the key in one file, as curl, git and restic read them [default]
    #[arg(long)]
    pub pem: bool,
    /// The key alone, not encrypted
    #[arg(long)]
    pub key: bool,
    /// The certificate alone, which is no secret
    #[arg(long)]
    pub cert: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    /// The device, such as alice/pixel, or `authority-key`
    #[arg(value_name = "PERSON/DEVICE|authority-key")]
    pub what: Exported,
    #[command(flatten)]
    pub form: Form,
    /// With `authority-key`: the authority of that name, where there are several [default: the one that
    /// signs]
    #[arg(long, value_name = "NAME")]
    pub authority: Option<String>,
    /// A file that only you may read, in place of standard output; `-` for that, even on a terminal
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file that is there, and write a key though git would take it along
    #[arg(long, requires = "output")]
    pub force: bool,
    #[command(flatten)]
    pub declaration: Declaration,
    #[command(flatten)]
    pub secret: Secret,
}

impl Export {
    /// The file to write, if there is to be one.
    pub fn to_file(&self) -> Option<&Path> {
        let output = self.output.as_deref();
        output.filter(|output| *output != Path::new("-"))
    }

    /// What was said that does not go with the rest.
    pub fn contradiction(&self) -> Option<&'static str> {
        let form = &self.form;
        match &self.what {
            Exported::AuthorityKey if form.pem || form.cert || form.key => {
                Some("`authority-key` is a key alone: its certificate is out/edge/ca.pem")
            }
            Exported::Device(_) if self.authority.is_some() => {
                Some("`--authority` goes with `authority-key`")
            }
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
pub struct Share {
    /// The device, such as alice/pixel
    #[arg(value_name = "PERSON/DEVICE")]
    pub device: DeviceId,
    /// Where to listen, an address of this machine [default: the one that it has in the local
    /// network]
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,
    /// The port to listen at [default: one that is free]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// When to give up, 1 to 60
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=60))]
    pub minutes: u8,
    /// Write the QR code as an SVG too
    #[arg(long, value_name = "FILE")]
    pub qr: Option<PathBuf>,
    /// Print the password of the .p12 too, which takes the root secret
    #[arg(long)]
    pub show_password: bool,
    /// The output tree [default: out/ beside the declaration]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub declaration: Declaration,
    #[command(flatten)]
    pub secret: Secret,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// The output tree, or a .p12 from anywhere; with `--live` the services [default: out/ beside the
    /// declaration; every service]
    #[arg(value_name = "PATH|SERVICE")]
    pub what: Vec<OsString>,
    /// Connect to the declared hosts as each visitor: without a certificate, with a stranger's, with each
    /// device's
    #[arg(long)]
    pub live: bool,
    /// Go without the root secret: bundles are not opened, devices are not tried
    #[arg(long, conflicts_with_all = ["identity", "root_command", "root_passphrase_file"])]
    pub no_secret: bool,
    /// The password of a .p12 that is not of this homelab, in a file, or `-` for standard input
    /// [default: asked for on the terminal]
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    pub password_file: Option<PathBuf>,
    /// Where a host is, as curl has it: HOST:PORT:ADDR, with `*` for any host
    #[arg(long, value_name = "HOST:PORT:ADDR", requires = "live")]
    pub resolve: Vec<Resolve>,
    /// The port that the hosts are asked at
    #[arg(long, value_name = "N", default_value = "443", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// The port that is asked without TLS, where nothing but redirects may be
    #[arg(long, value_name = "N", default_value = "80", value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
    /// The port of Caddy's admin endpoint, where nothing may answer but at loopback
    #[arg(long, value_name = "N", default_value = "2019", value_parser = clap::value_parser!(u16).range(1..))]
    pub admin_port: u16,
    /// A service that answers, at that path, with the headers that it got, as traefik/whoami does: what
    /// it is told of who came is looked at [default path: /]
    #[arg(long, value_name = "SERVICE[=PATH]", requires = "live")]
    pub echo: Vec<EchoAt>,
    /// The authorities of the hosts' own certificates, PEM, in place of this machine's: for
    /// `certificates "internal"`, the root of Caddy's
    #[arg(long, value_name = "FILE", requires = "live")]
    pub ca: Option<PathBuf>,
    /// How long each connection may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=600))]
    pub timeout: u16,
    /// As one JSON object, for scripts
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub declaration: Declaration,
    #[command(flatten)]
    pub secret: Secret,
}
