// Why a handshake failed, in words: OpenSSL's own say what its code met ("sslv3 alert handshake
// failure"), these what an operator can look for on the other side. Pure; any thread.
#pragma once

#include <string>

namespace outrigger::io {

// The words for an entry of OpenSSL's error queue; 0: there was none.
std::string tls_reason(unsigned long error);

}  // namespace outrigger::io
