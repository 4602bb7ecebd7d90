//! What can be said on the command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::completion;
use crate::derive::{DnsFormat, DnsView};
use crate::lint;
use crate::model::{CaddyVersion, DeviceId};
use crate::probe::{EchoAt, Resolve};
use crate::root::{Recipient, RootKey};
use crate::tree::summed::Listing;

/// Turns homelab.kdl into a client certificate per device, a Caddyfile that lets in exactly those
/// devices, and an install guide per person.
#[derive(Debug, Parser)]
#[command(name = "homelab", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Begin a homelab: write a commented homelab.kdl, a root secret, and git's settings for them
    Init(Init),
    /// Report what is wrong with homelab.kdl; needs no secret and changes nothing
    Check(Check),
    /// Show what a build would change, and what that means for people; needs no secret and changes
    /// nothing
    Plan(Plan),
    /// Build out/ from homelab.kdl: certificates, Caddyfile, guides
    Build(Build),
    /// Show every device's certificate status, and what to do; needs no secret and changes nothing
    Status(Status),
    /// Show what can be reached, and by whom; needs no secret and changes nothing
    Exposure(Exposure),
    /// Print the records that the DNS needs for the declared hosts, from `address` in `edge`; needs no
    /// secret and changes nothing
    Dns(Dns),
    /// Issue new certificates to devices; the older ones keep working for a grace period
    Renew(Renew),
    /// Revoke lost or stolen devices' certificates: they are refused once you deploy out/edge/
    Revoke(Revoke),
    /// Change to a new authority or root secret without locking anybody out, or change who can open
    /// homelab.age
    Rotate(Rotate),
    /// Sign with an authority that was made elsewhere, or only trust it
    Adopt(Adopt),
    /// Print the password of a device's .p12
    Password(Password),
    /// Print or write a device's key and certificate in PEM, or an authority's key
    Export(Export),
    /// Hand a device's files to it over the local network, once, by a QR code
    Share(Share),
    /// Bring out/edge/ to the host of its Caddy, as `deploy` in `edge` says; what was served before is put back if
    /// something is wrong
    Deploy(Deploy),
    /// Check out/, a .p12, or the live server (`--live`)
    Verify(Verify),
    /// Say where any Caddyfile lets somebody in whom it was to keep out; changes nothing
    Lint(Lint),
}

/// The declaration alone, for a command that asks nothing of what was issued.
#[derive(Debug, Args)]
pub(super) struct DeclarationAlone {
    /// The homelab.kdl to use
    #[arg(short, long, value_name = "FILE", default_value = "homelab.kdl")]
    pub file: PathBuf,
}

/// The declaration that a command is about.
#[derive(Debug, Args)]
pub(super) struct Declaration {
    /// The homelab.kdl to use; homelab.lock, homelab.age and templates/ are beside it
    #[arg(short, long, value_name = "FILE", default_value = "homelab.kdl")]
    pub file: PathBuf,
    /// Refuse a homelab.lock that is not signed with this root key; see `homelab status --json`
    /// [default: $HOMELAB_ROOT_KEY]
    #[arg(long, value_name = "KEY")]
    pub root_key: Option<RootKey>,
    /// Accept a homelab.lock of this epoch, although a later one was built here, or one without an authority that it trusts
    #[arg(long, value_name = "EPOCH")]
    pub accept_epoch: Option<u64>,
}

/// How the root secret is opened.
#[derive(Debug, Args)]
pub(super) struct Secret {
    /// The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or
    /// $XDG_CONFIG_HOME/homelab/identity.txt]
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// A shell command that prints the root secret, such as `age -d -i key.txt homelab.age`
    #[arg(long, value_name = "CMD", conflicts_with = "identity")]
    pub root_command: Option<String>,
    /// A file with the present passphrase of homelab.age, or `-` for standard input [default: asked
    /// for on the terminal]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identity", "root_command"])]
    pub root_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The domain of the services, which are hosts below it
    #[arg(default_value = "home.example.com")]
    pub domain: String,
    /// The homelab.kdl to write
    #[command(flatten)]
    pub declaration: Declaration,
    /// The age identity to encrypt the root secret to [default: $HOMELAB_IDENTITY, or
    /// $XDG_CONFIG_HOME/homelab/identity.txt, which is made if there is none]
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Encrypt the root secret with a new passphrase, asked for on the terminal
    #[arg(long, conflicts_with = "identity")]
    pub passphrase: bool,
    /// The same, with a file that holds the new passphrase, or `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    pub passphrase_file: Option<PathBuf>,
    /// A shell command that encrypts the root secret, such as `age -r age1yubikey1… -a`
    #[arg(long, value_name = "CMD", requires = "root_command", conflicts_with_all = ["identity", "passphrase", "passphrase_file"])]
    pub seal_command: Option<String>,
    /// With `--seal-command`: the command that decrypts its result, such as `age -d -i key.txt
    /// homelab.age`
    #[arg(long, value_name = "CMD", requires = "seal_command")]
    pub root_command: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub declaration: Declaration,
    /// Let N devices be retired at once, as `build --allow-retire N` does
    #[arg(long, value_name = "N")]
    pub allow_retire: Option<usize>,
    /// Let this device, such as alice/pixel, in again with a certificate that was revoked, if
    /// homelab.lock went back to before that; may be repeated
    #[arg(long, value_name = "PERSON/DEVICE", add = completion::devices())]
    pub accept_return_of: Vec<DeviceId>,
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub declaration: Declaration,
    /// The output directory [default: out/ beside homelab.kdl]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Show what `build --edge` would change
    #[arg(long)]
    pub edge: bool,
    /// Show what `build --allow-retire N` would change
    #[arg(long, value_name = "N")]
    pub allow_retire: Option<usize>,
    /// Let this device, such as alice/pixel, in again with a certificate that was revoked, if
    /// homelab.lock went back to before that; may be repeated
    #[arg(long, value_name = "PERSON/DEVICE", add = completion::devices())]
    pub accept_return_of: Vec<DeviceId>,
    #[command(flatten)]
    pub verbosity: Verbosity,
    /// Print one JSON object, for scripts; it names each file
    #[arg(long)]
    pub json: bool,
    /// Exit with 4 if anything would change
    #[arg(long)]
    pub expect_no_changes: bool,
}

/// How much is told of many files.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Verbosity {
    /// Name each file, however many they are; without it more than 50 are summed up
    #[arg(short, long)]
    verbose: bool,
}

impl Verbosity {
    pub(super) fn listing(self) -> Listing {
        if self.verbose {
            Listing::Each
        } else {
            Listing::Short
        }
    }
}

/// What an output tree is made from, and where.
#[derive(Debug, Args)]
pub(super) struct Make {
    #[command(flatten)]
    pub declaration: Declaration,
    /// The output directory [default: out/ beside homelab.kdl]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How many files to make at once, 1 to 256 [default: one per processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub verbosity: Verbosity,
    /// Read every file of the output again, and do not go by its size and times
    #[arg(long)]
    pub no_index: bool,
    #[command(flatten)]
    pub secret: Secret,
}

#[derive(Debug, Args)]
pub(super) struct Build {
    #[command(flatten)]
    pub make: Make,
    /// Refuse to change homelab.lock: exit with 4 if something would be issued or retired
    #[arg(long)]
    pub locked: bool,
    /// Write nothing: make everything in memory, compare, print each difference and exit with 4
    #[arg(long, conflicts_with = "edge")]
    pub check: bool,
    /// Build only out/edge/, which needs no secret
    #[arg(long)]
    pub edge: bool,
    /// Let N devices be retired at once: needed for more than two and more than a third of all
    #[arg(long, value_name = "N")]
    pub allow_retire: Option<usize>,
    /// Let this device, such as alice/pixel, in again with a certificate that was revoked, if
    /// homelab.lock went back to before that; may be repeated
    #[arg(long, value_name = "PERSON/DEVICE", add = completion::devices())]
    pub accept_return_of: Vec<DeviceId>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Renew {
    /// The devices, such as alice/pixel
    #[arg(value_name = "PERSON/DEVICE", group = "which", add = completion::devices())]
    pub devices: Vec<DeviceId>,
    /// Every device whose renewal is due or whose certificate has expired
    #[arg(long, group = "which")]
    pub due: bool,
    /// Every device
    #[arg(long, group = "which")]
    pub all: bool,
    /// Issue nothing: these devices (or with `--all` every device) have installed their new certificates, so
    /// shut out the older ones
    #[arg(long, conflicts_with = "due")]
    pub finish: bool,
    #[command(flatten)]
    pub make: Make,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The devices, such as alice/pixel
    #[arg(value_name = "PERSON/DEVICE", required = true, add = completion::devices())]
    pub devices: Vec<DeviceId>,
    /// Issue no new certificate to them until `renew` does
    #[arg(long)]
    pub no_replace: bool,
    /// Let this other device come in again with a certificate that was revoked, where homelab.lock went
    /// back to before that; once for each
    #[arg(long, value_name = "PERSON/DEVICE", add = completion::devices())]
    pub accept_return_of: Vec<DeviceId>,
    #[command(flatten)]
    pub make: Make,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what"))]
pub(super) struct Rotate {
    /// Begin: a new authority signs from now on; the present one stays trusted until `--finish`
    #[arg(long, group = "what")]
    pub authority: bool,
    /// Begin: a new root secret, and a new authority with it
    #[arg(long, group = "what")]
    pub root: bool,
    /// End: trust only the new authority; refused while a device depends on another
    #[arg(long, group = "what")]
    pub finish: bool,
    /// Change who can open homelab.age, and nothing else: with `--recipient`, `--add`, `--remove`, a
    /// passphrase, or a `--seal-command`
    #[arg(long, group = "what")]
    pub reseal: bool,
    /// With `--finish`: lock out the devices that have not moved. With `--reseal`: go on although no
    /// identity on this machine opens the result
    #[arg(long, conflicts_with_all = ["authority", "root"])]
    pub force: bool,
    /// A recipient of homelab.age, such as age1…; may be repeated [default: those it has]
    #[arg(short, long, value_name = "KEY", conflicts_with = "authority")]
    pub recipient: Vec<Recipient>,
    /// With `--reseal`: encrypt homelab.age to this recipient too
    #[arg(long, value_name = "KEY", conflicts_with_all = ["recipient", "authority", "root", "finish"])]
    pub add: Vec<Recipient>,
    /// With `--reseal`: encrypt homelab.age to this recipient no longer
    #[arg(long, value_name = "KEY", conflicts_with_all = ["recipient", "authority", "root", "finish"])]
    pub remove: Vec<Recipient>,
    /// With `--reseal`: encrypt with a new passphrase, asked for on the terminal
    #[arg(long, conflicts_with_all = ["recipient", "add", "remove", "authority", "root", "finish"])]
    pub passphrase: bool,
    /// The same, with a file that holds the new passphrase, or `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["passphrase", "recipient", "add", "remove", "authority", "root", "finish"])]
    pub passphrase_file: Option<PathBuf>,
    /// A shell command that encrypts homelab.age, such as `age -r age1yubikey1… -a`; `--root-command`
    /// has to decrypt its result
    #[arg(long, value_name = "CMD", requires = "root_command", conflicts_with_all = ["recipient", "add", "remove", "passphrase", "passphrase_file", "authority"])]
    pub seal_command: Option<String>,
    #[command(flatten)]
    pub declaration: Declaration,
    /// The output directory [default: out/ beside homelab.kdl]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How many files to make at once, 1 to 256 [default: one per processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub verbosity: Verbosity,
    /// The age identity that opens homelab.age [default: $HOMELAB_IDENTITY, or
    /// $XDG_CONFIG_HOME/homelab/identity.txt]
    // Without a file it is what `--reseal` was called before.
    #[arg(short, long, alias = "identity-file", value_name = "FILE", num_args = 0..=1, value_parser = clap::value_parser!(OsString), default_missing_value = "", hide_default_value = true)]
    pub identity: Vec<OsString>,
    /// A shell command that prints what homelab.age holds. With `--seal-command` and `--identity` it
    /// opens only the new file
    #[arg(long, value_name = "CMD")]
    pub root_command: Option<String>,
    /// A file with the present passphrase of homelab.age, or `-` for standard input [default: asked
    /// for on the terminal]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identity", "root_command"])]
    pub root_passphrase_file: Option<PathBuf>,
}

/// What `homelab rotate` goes over from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rotates {
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
    pub(super) fn what(&self) -> Option<Rotates> {
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
    pub(super) fn identity(&self) -> Option<PathBuf> {
        let mut named = self.identity.iter().filter(|file| !file.is_empty());
        named.next_back().map(PathBuf::from)
    }

    /// What is built after it. With both an identity and a root command the one opens homelab.age and the other what is
    /// sealed in its place.
    pub(super) fn make(&self) -> Make {
        let has_both = self.identity().is_some() && self.root_command.is_some();
        let (identity, root_command) = match (has_both, &self.seal_command) {
            (true, Some(_)) => (self.identity(), None),
            (true, None) => (None, self.root_command.clone()),
            (false, _) => (self.identity(), self.root_command.clone()),
        };
        Make {
            declaration: Declaration {
                accept_epoch: self.declaration.accept_epoch,
                file: self.declaration.file.clone(),
                root_key: self.declaration.root_key,
            },
            out: self.out.clone(),
            jobs: self.jobs,
            verbosity: self.verbosity,
            no_index: false,
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
pub(super) struct Adopt {
    /// The authority's certificate, such as ca.pem
    #[arg(value_name = "CERTIFICATE")]
    pub certificate: PathBuf,
    /// Its private key, such as ca.key: it is kept in homelab.age and signs from now on
    #[arg(short, long, value_name = "FILE", group = "how")]
    pub key: Option<PathBuf>,
    /// Only trust what it has signed; homelab's own authority signs
    #[arg(long, group = "how")]
    pub trust_only: bool,
    /// With `--key`: a recipient of homelab.age, such as age1…; may be repeated [default: those it has]
    #[arg(short, long, value_name = "KEY", requires = "key")]
    pub recipient: Vec<Recipient>,
    /// With `--key`: a shell command that encrypts homelab.age, such as `age -r age1yubikey1… -a`;
    /// `--root-command` has to decrypt its result
    #[arg(long, value_name = "CMD", requires_all = ["key", "root_command"], conflicts_with = "recipient")]
    pub seal_command: Option<String>,
    /// A file with the passphrase of the key, or `-` for standard input [default: asked for on the
    /// terminal]
    #[arg(long, value_name = "FILE", requires = "key")]
    pub passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    pub make: Make,
}

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    pub declaration: Declaration,
    /// How to print it [default: table]
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<StatusFormat>,
    /// The same as `--format json`
    #[arg(long)]
    json: bool,
    /// Exit with 4 if there is something to do, for monitoring
    #[arg(long)]
    pub exit_code: bool,
    /// A shell command to run if there is something to do, such as `mail -s "$HOMELAB_SUMMARY" me`. It reads what
    /// that is on stdin
    #[arg(long, value_name = "CMD", value_parser = NonEmptyStringValueParser::new())]
    pub on_due: Option<String>,
}

/// How `status` is printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum StatusFormat {
    /// A line for each device, for people
    Table,
    /// One JSON object, for scripts
    Json,
    /// Metrics, for the textfile collector of Prometheus's node_exporter
    Prometheus,
}

impl Status {
    pub(super) fn format(&self) -> StatusFormat {
        let default = if self.json {
            StatusFormat::Json
        } else {
            StatusFormat::Table
        };
        self.format.unwrap_or(default)
    }
}

#[derive(Debug, Args)]
pub(super) struct Exposure {
    #[command(flatten)]
    pub declaration: Declaration,
    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Dns {
    #[command(flatten)]
    pub declaration: DeclarationAlone,
    /// What is to read it: lines of a zone of the public DNS (RFC 1035), a file for unbound or dnsmasq at home, or
    /// lines of /etc/hosts
    #[arg(long, value_name = "FORMAT", default_value = "zone", value_parser = one_of(DnsFormat::WORDS, DnsFormat::from_word))]
    pub format: DnsFormat,
    /// From where visitors come who are told: with `lan` the hosts have the addresses of `lan-address`
    /// [default: lan, where there is a `lan-address`; internet for a zone]
    #[arg(long, value_name = "WHERE", value_parser = one_of(DnsView::WORDS, DnsView::from_word))]
    pub from: Option<DnsView>,
}

/// Takes one of some words, which the help lists.
fn one_of<T: Clone + Send + Sync + 'static, const N: usize>(
    words: [&'static str; N],
    read: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words).map(move |word| read(&word).expect("these words are read"))
}

#[derive(Debug, Args)]
pub(super) struct Password {
    /// The device, such as alice/pixel
    #[arg(value_name = "PERSON/DEVICE", add = completion::devices())]
    pub device: DeviceId,
    #[command(flatten)]
    pub declaration: Declaration,
    #[command(flatten)]
    pub secret: Secret,
}

/// What `export` is about.
#[derive(Debug, Clone)]
pub(super) enum Exported {
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
pub(super) struct Form {
    /// The certificate and the key in one file, as curl, git and restic read them [default]
    #[arg(long)]
    pub pem: bool,
    /// The key alone, not encrypted
    #[arg(long)]
    pub key: bool,
    /// The certificate alone, which is not secret
    #[arg(long)]
    pub cert: bool,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The device, such as alice/pixel, or `authority-key`
    #[arg(value_name = "PERSON/DEVICE|authority-key", add = completion::exported())]
    pub what: Exported,
    #[command(flatten)]
    pub form: Form,
    /// With `authority-key`: the name of the authority, if there are several [default: the one that
    /// signs]
    #[arg(long, value_name = "NAME")]
    pub authority: Option<String>,
    /// Write to this file, readable by you alone; `-` for standard output, even on a terminal
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
    pub(super) fn to_file(&self) -> Option<&Path> {
        let output = self.output.as_deref();
        output.filter(|output| *output != Path::new("-"))
    }

    /// What was said that does not go with the rest.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let form = &self.form;
        match &self.what {
            Exported::AuthorityKey if form.pem || form.cert || form.key => {
                Some("`authority-key` is a key alone: its certificate is `ca.pem` of the edge")
            }
            Exported::Device(_) if self.authority.is_some() => {
                Some("`--authority` goes with `authority-key`")
            }
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Share {
    /// The device, such as alice/pixel
    #[arg(value_name = "PERSON/DEVICE", add = completion::devices())]
    pub device: DeviceId,
    /// The address of this machine to listen on [default: its address in the local network]
    #[arg(long, value_name = "IP")]
    pub address: Option<IpAddr>,
    /// The port to listen on [default: a free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// After how many minutes to give up, 1 to 60
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=60))]
    pub minutes: u8,
    /// Write the QR code as an SVG too
    #[arg(long, value_name = "FILE")]
    pub qr: Option<PathBuf>,
    /// Print the password of the .p12 too, which needs the root secret
    #[arg(long)]
    pub show_password: bool,
    /// The output directory [default: out/ beside homelab.kdl]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub declaration: Declaration,
    #[command(flatten)]
    pub secret: Secret,
}

/// Where what is served is asked.
#[derive(Debug, Args)]
pub(super) struct AskedPorts {
    /// The port of HTTPS [default: as declared, 443 unless `port` says another]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// The port of HTTP, where only redirects may answer
    #[arg(long, value_name = "N", default_value = "80", value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: u16,
    /// The port of Caddy's admin endpoint, which may answer on loopback only [default: as declared, 2019 unless `admin` says another]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub admin_port: Option<u16>,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The output directory, or a .p12 from anywhere; with `--live`, services [default: out/ beside
    /// homelab.kdl; every service]
    #[arg(value_name = "PATH|SERVICE", add = completion::verified())]
    pub what: Vec<OsString>,
    /// Connect to the declared hosts without a certificate, with a stranger's and with each device's,
    /// and compare the answers with homelab.kdl
    #[arg(long)]
    pub live: bool,
    /// Do without the root secret: no .p12 is opened, no device is tried
    #[arg(long, conflicts_with_all = ["identity", "root_command", "root_passphrase_file"])]
    pub no_secret: bool,
    /// A file with the password of a .p12 that is not from this homelab, or `-` for standard input
    /// [default: asked for on the terminal]
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    pub password_file: Option<PathBuf>,
    /// Connect to this address for a host, as in curl; `*` for any host; may be repeated
    #[arg(long, value_name = "HOST:PORT:ADDR", requires = "live")]
    pub resolve: Vec<Resolve>,
    #[command(flatten)]
    pub ports: AskedPorts,
    /// A service that answers with the headers it got, as traefik/whoami does: check what it is told
    /// about visitors [default path: /]
    #[arg(long, value_name = "SERVICE[=PATH]", requires = "live", add = completion::services())]
    pub echo: Vec<EchoAt>,
    /// A PEM file with the authorities to trust for the hosts' own certificates, instead of this
    /// machine's: with `certificates "internal"`, Caddy's root.crt
    #[arg(long, value_name = "FILE", requires = "live")]
    pub ca: Option<PathBuf>,
    /// How many seconds each connection may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=600))]
    pub timeout: u16,
    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub declaration: Declaration,
    #[command(flatten)]
    pub secret: Secret,
}

#[derive(Debug, Args)]
pub(super) struct Deploy {
    /// The edges, where there are several [default: all with a line `deploy`]
    #[arg(value_name = "EDGE", add = completion::edges())]
    pub edges: Vec<String>,
    /// Only tell what it would mean for people; changes nothing, here or on the host
    #[arg(long, conflicts_with = "rollback")]
    pub dry_run: bool,
    /// Serve the release before the one that is served, each time one further back; what is declared here decides nothing
    #[arg(long)]
    pub rollback: bool,
    /// Let the host's Caddyfile import the edge, where nobody has written anything in it; what is there is kept beside it
    #[arg(long, conflicts_with = "rollback")]
    pub first: bool,
    /// Let this device, such as alice/pixel, in again with a certificate that the host has shut out; may be repeated
    #[arg(long, value_name = "PERSON/DEVICE", add = completion::devices())]
    pub accept_return_of: Vec<DeviceId>,
    /// Do not ask afterwards whether the answers are those that are declared
    #[arg(long)]
    pub no_verify: bool,
    /// Connect to this address for a host, as in curl; `*` for any host; may be repeated
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub resolve: Vec<Resolve>,
    #[command(flatten)]
    pub ports: AskedPorts,
    /// A PEM file with the authorities to trust for the hosts' own certificates, instead of this machine's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// How many seconds each connection may take. Six times as long a host is waited for that has no certificate yet
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub timeout: u16,
    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub make: Make,
}

#[derive(Debug, Args)]
pub(super) struct Lint {
    /// A Caddyfile, which the `caddy` of the PATH reads, or what `caddy adapt` prints, as a .json file;
    /// `-` for standard input
    #[arg(value_name = "CADDYFILE")]
    pub configuration: PathBuf,
    /// Do not tell of this form, such as `open-elsewhere`; may be repeated
    #[arg(long, value_name = "FORM", add = completion::forms())]
    pub allow: Vec<&'static lint::Form>,
    /// The version of the Caddy that will run it, such as 2.8.4 [default: that of the `caddy` that
    /// reads it; with JSON, one without known holes]
    #[arg(long, value_name = "VERSION", value_parser = CaddyVersion::new)]
    pub caddy: Option<CaddyVersion>,
    /// Print one JSON object, for scripts
    #[arg(long)]
    pub json: bool,
}
