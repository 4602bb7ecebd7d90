# LemonLDAP::NG of Debian 12 as a gateway of forward_auth: at Authelia's path it says who somebody is, all else is its portal.

# Its handler for Traefik, which is asked as Caddy asks. That of 2.16 says each header twice, and its visitor's cookies back to them.
package Gateway;
use Mouse;
use Lemonldap::NG::Handler::Server::Traefik;
extends 'Lemonldap::NG::Handler::Server::Traefik';

sub handler {
    my ( $self, $req ) = @_;
    return [ 200, [ splice( @{ $req->{respHeaders} } ), 'Content-Length' => 0 ], [] ];
}

# The portal loads a captcha even where its pages have none, and Debian's draws with ImageMagick.
package Lemonldap::NG::Portal::Captcha::None;
use Mouse;
extends 'Lemonldap::NG::Portal::Main::Plugin';

sub init { 1 }

$INC{'Lemonldap/NG/Portal/Captcha/None.pm'} = __FILE__;

package main;
use Lemonldap::NG::Portal;
use Plack::Builder;

my $gateway = Gateway->run( {} );
my $portal  = Lemonldap::NG::Portal->run( {} );

# What it is asked goes into the log, a line for each question: a test looks for what is no business of a gateway's.
sub asked {
    my ($env) = @_;
    my $read = read( $env->{'psgi.input'}, my $body, 1 ) || 0;
    my @headers = map { "$_=$env->{$_}" } sort grep { /^(HTTP|CONTENT)_/ && $env->{$_} ne '' } keys %$env;
    print STDERR join( "\t", 'asked', $env->{REQUEST_METHOD}, $env->{REQUEST_URI}, "BODY=$read", @headers ), "\n";
    return $gateway->($env);
}

builder {
    enable 'Static',
      path => qr{^/static/},
      root => "$ENV{LEMONLDAP_ROOT}/usr/share/lemonldap-ng/portal/htdocs";
    mount '/api/authz/forward-auth' => \&asked;
    mount '/'                       => $portal;
};
