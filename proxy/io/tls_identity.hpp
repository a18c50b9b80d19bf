// Whom a certificate names as its holder, and which names a certificate can be asked for. Pure. For
// proxy/io only.
#pragma once

#include <string>
#include <string_view>

#include <openssl/x509.h>

namespace outrigger::io {

// The first spiffe:// URI among the subjectAltNames, else their first DNS name, else the common
// name of the subject. Empty when there is none of them.
std::string identity_of(const X509* certificate);

// Whether `id` is the one URI among the subjectAltNames (X.509-SVID section 2: exactly one).
bool has_spiffe_id(const X509* certificate, std::string_view id);

// An IPv4 or IPv6 address, without brackets.
bool is_ip(const std::string& name);

// Letters, digits, `-`, `_` and `.` in labels; what SNI may carry (RFC 6066 section 3).
bool is_host_name(std::string_view name);

}  // namespace outrigger::io
