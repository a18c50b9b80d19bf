#include "proxy/http/framing.hpp"

#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

enum class Coding : uint8_t { kChunked, kUnknown, kMalformed };

// No parameter, quote or empty element passes: no coding that we or our neighbours speak needs one,
// and each of them has been read differently by two servers in a row.
Coding transfer_coding(std::string_view value) {
  if (same_name(value, "chunked")) return Coding::kChunked;
  bool chunked = false;
  for (std::string_view rest = value;;) {
    const size_t comma = rest.find(',');
    const std::string_view element = trim(rest.substr(0, comma));
    if (chunked || !is_token(element))
      return Coding::kMalformed;  // chunked must be the last, and once
    chunked = same_name(element, "chunked");
    if (comma == std::string_view::npos) return Coding::kUnknown;
    rest.remove_prefix(comma + 1);
  }
}

// The rules that both directions share. kMalformedRequest stands for malformed.
Result<BodyFraming, Cause> declared_framing(const FramingFields& said, Version version) {
  if (said.content_lengths + said.transfer_encodings == 0) return BodyFraming{};
  if (said.content_lengths + said.transfer_encodings > 1) return failure(Cause::kMalformedRequest);
  if (said.content_lengths == 1) {
    const int64_t length = parse_decimal(said.content_length);
    if (length < 0) return failure(Cause::kMalformedRequest);
    return BodyFraming{Framing::kLength, length};
  }
  if (version == Version::kHttp10) return failure(Cause::kMalformedRequest);
  switch (transfer_coding(said.transfer_encoding)) {
    case Coding::kChunked:
      return BodyFraming{Framing::kChunked, -1};
    case Coding::kUnknown:
      return failure(Cause::kUnknownTransferCoding);
    case Coding::kMalformed:
      break;
  }
  return failure(Cause::kMalformedRequest);
}

}  // namespace

void FramingFields::add(const Field& field) {
  if (field.id == Name::kContentLength) {
    content_length = field.value;
    ++content_lengths;
  } else {
    transfer_encoding = field.value;
    ++transfer_encodings;
  }
}

Result<BodyFraming, Cause> request_framing(const FramingFields& said, Version version) {
  return declared_framing(said, version);
}

bool is_bodiless(int status, Method request_method) {
  return status < 200 || status == 204 || status == 304 || request_method == Method::kHead;
}

Result<BodyFraming, Cause> response_framing(const FramingFields& said, Version version, int status,
                                            Method method) {
  const Result<BodyFraming, Cause> declared = declared_framing(said, version);
  if (!declared) return failure(Cause::kMalformedResponse);
  const bool never_content = status < 200 || status == 204;
  if (never_content && declared->framing == Framing::kChunked) {
    return failure(Cause::kMalformedResponse);
  }
  if (is_bodiless(status, method)) {
    return BodyFraming{Framing::kNone, never_content ? -1 : declared->length};
  }
  if (declared->framing == Framing::kNone) return BodyFraming{Framing::kUntilClose, -1};
  return *declared;
}

}  // namespace outrigger::http
