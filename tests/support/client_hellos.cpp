#include "tests/support/client_hellos.hpp"

#include <algorithm>
#include <memory>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "proxy/base/assert.hpp"

namespace outrigger::testing {

namespace {
constexpr size_t kRecordHeader = 5;
}  // namespace

std::string openssl_hello(const HelloSpec& spec) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  if (spec.max_version != 0) SSL_CTX_set_max_proto_version(context.get(), spec.max_version);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  if (!spec.server_name.empty()) SSL_set_tlsext_host_name(ssl.get(), spec.server_name.c_str());
  std::string protocols;
  for (const std::string& protocol : spec.protocols) protocols += counted_bytes(protocol, 1);
  if (!protocols.empty()) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
  }
  OUTRIGGER_ASSERT(SSL_connect(ssl.get()) == -1);
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(out, &bytes);
  return {bytes, static_cast<size_t>(count)};
}

std::string number_bytes(size_t value, size_t bytes) {
  std::string text;
  for (size_t i = bytes; i > 0; --i) text += static_cast<char>(value >> (8 * (i - 1)));
  return text;
}

std::string counted_bytes(std::string_view value, size_t length_bytes) {
  return number_bytes(value.size(), length_bytes).append(value);
}

std::string hello_extension(size_t type, std::string_view value) {
  return number_bytes(type, 2) + counted_bytes(value, 2);
}

std::string server_name_list(std::string_view name) {
  return counted_bytes(number_bytes(0, 1) + counted_bytes(name, 2), 2);
}

std::string hello_message(std::string_view extensions) {
  const std::string body = "\x03\x03" + std::string(32, 'r') + counted_bytes("", 1) +
                           counted_bytes("\x13\x01\x13\x02", 2) + counted_bytes({"\0", 1}, 1) +
                           counted_bytes(extensions, 2);
  return "\x01" + counted_bytes(body, 3);
}

std::string hello_record(std::string_view message) {
  return "\x16\x03\x01" + counted_bytes(message, 2);
}

std::string hello_records(std::string_view message, size_t bytes) {
  std::string records;
  for (size_t at = 0; at < message.size(); at += bytes) {
    records += hello_record(message.substr(at, bytes));
  }
  return records;
}

std::string_view message_of(std::string_view record) { return record.substr(kRecordHeader); }

}  // namespace outrigger::testing
