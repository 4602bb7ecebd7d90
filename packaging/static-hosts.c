/* Linked into the static program: hosts, users and groups are looked up as files and DNS have them, and nowhere else.
 *
 * /etc/nsswitch.conf may name plug-ins (mdns4_minimal, resolve, …). A static program loads those with the C library of the system, and is
 * aborted where that has another version than its own: seen with libnss-mdns of Debian 11 in a program of Debian 12. */

#include <nss.h>

__attribute__((constructor)) static void without_plug_ins(void) {
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
}
