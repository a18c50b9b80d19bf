#include "proxy/io/tls_reason.hpp"

#include <algorithm>
#include <array>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace outrigger::io {
namespace {

struct Row {
  int reason;
  std::string_view sentence;
};

// An alert is what the peer says of us (RFC 8446 section 6.2), anything else what we say of it.
constexpr auto kRows = std::to_array<Row>({
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
     "the peer refuses what we offer: TLS 1.3, and 1.2 with ECDHE and AES-GCM or "
     "ChaCha20-Poly1305 (no CBC suites); or it wants a client certificate"},
    {SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY,
     "the peer wants stronger cipher suites than we and it have in common"},
    {SSL_R_NO_SHARED_CIPHER,
     "the peer offers none of our cipher suites: those of TLS 1.3, and of 1.2 ECDHE with AES-GCM "
     "or "
     "ChaCha20-Poly1305 (no CBC suites)"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the peer speaks neither TLS 1.2 nor 1.3"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer speaks neither TLS 1.2 nor 1.3"},
    {SSL_R_VERSION_TOO_LOW, "the peer speaks neither TLS 1.2 nor 1.3"},
    {SSL_R_WRONG_VERSION_NUMBER, "what came is not TLS"},
    {SSL_R_HTTP_REQUEST, "what came is not TLS but HTTP in clear text"},
    {SSL_R_HTTPS_PROXY_REQUEST, "what came is not TLS but HTTP in clear text"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the peer offers no protocol that is spoken here (ALPN)"},
    {SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL,
     "the peer speaks no protocol that was offered (ALPN)"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, "the peer does not know the name that was asked for"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the peer does not trust the certificate that it was shown"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer refuses the certificate that it was shown"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer refuses the certificate that it was shown"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
     "the peer refuses the kind of certificate that it was shown"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
     "to the peer, the certificate it was shown has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "the certificate that the peer was shown is revoked"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the peer wants a client certificate"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the peer has shown no certificate"},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, "the peer knows us and lets us not in"},
    {SSL_R_DH_KEY_TOO_SMALL, "the peer's key for the exchange is too short"},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED,
     "the peer does not know safe renegotiation (RFC 5746)"},
});

}  // namespace

std::string tls_reason(unsigned long error) {
  const char* const text = error == 0 ? nullptr : ERR_reason_error_string(error);
  if (text == nullptr) return "the peer broke the rules of TLS";
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  const auto row = std::find_if(kRows.begin(), kRows.end(),
                                [&](const Row& known) { return known.reason == reason; });
  if (row == kRows.end()) return text;
  return std::string(row->sentence) + " (" + text + ")";
}

}  // namespace outrigger::io
