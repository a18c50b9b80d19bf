#include "proxy/http/framing.hpp"

#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

enum class Coding : uint8_t { kChunked, kUnknown, kMalformed };

// For requests. No parameter, quote or empty element passes: no coding that we or our neighbours
// speak needs one, and each of them has been read differently by two servers in a row.
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

enum class Chunking : uint8_t { kNone, kChunked, kUnknown };

// For answers. `identity` is what RFC 2616 called no coding at all. Programs that copy the fields
// of their own upstream write `chunked` twice, of a body that is chunked once.
Chunking chunking_of(std::string_view codings) {
  Chunking found = Chunking::kNone;
  for_each_element(codings, [&](std::string_view coding) {
    if (same_name(coding, "identity") || found == Chunking::kUnknown) return;
    found = same_name(coding, "chunked") ? Chunking::kChunked : Chunking::kUnknown;
  });
  return found;
}

// The framing of an answer that has content, which begins behind the head.
Result<BodyFraming, Cause> content_framing(const FramingFields& said, Version version) {
  const BodyFraming until_close{Framing::kUntilClose, -1};
  if (said.content_lengths + said.transfer_encodings == 0) return until_close;
  const Chunking chunking = chunking_of(said.transfer_encoding);
  if (chunking == Chunking::kUnknown || !said.repeats) return failure(Cause::kMalformedResponse);
  if (chunking != Chunking::kNone) {
    if (said.content_lengths > 0) return failure(Cause::kMalformedResponse);
    const bool plain = version != Version::kHttp10 && said.transfer_encodings == 1 &&
                       same_name(said.transfer_encoding, "chunked");
    return BodyFraming{Framing::kChunked, -1, plain};
  }
  if (said.content_lengths == 0) return until_close;
  const int64_t length = length_in_list(said.content_length);
  if (length < 0) return failure(Cause::kMalformedResponse);
  return BodyFraming{Framing::kLength, length, said.transfer_encodings == 0};
}

}  // namespace

void FramingFields::add(const Field& field) {
  if (field.id == Name::kContentLength) {
    if (content_lengths++ == 0) {
      content_length = field.value;
    } else {
      repeats &= length_in_list(field.value) == length_in_list(content_length);
    }
  } else if (transfer_encodings++ == 0) {
    transfer_encoding = field.value;
  } else {
    repeats &= same_name(field.value, transfer_encoding);
  }
}

int64_t length_in_list(std::string_view value) {
  if (const int64_t length = parse_decimal(value); length >= 0) return length;
  int64_t common = -1;
  bool same = true;
  for_each_element(value, [&](std::string_view element) {
    const int64_t length = parse_decimal(element);
    same &= length >= 0 && (common < 0 || common == length);
    common = length;
  });
  return same ? common : -1;
}

Result<BodyFraming, Cause> request_framing(const FramingFields& said, Version version) {
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

bool is_bodiless(int status, Method request_method) {
  return status < 200 || status == 204 || status == 304 || request_method == Method::kHead;
}

Result<BodyFraming, Cause> response_framing(const FramingFields& said, Version version, int status,
                                            Method method) {
  if (!is_bodiless(status, method)) return content_framing(said, version);
  // It ends with its head, whatever that says. Who says that there is content may send some.
  const int64_t length =
      said.transfer_encodings == 0 && said.repeats ? length_in_list(said.content_length) : -1;
  if (method == Method::kHead && status >= 200 && status != 204) {
    const auto content = content_framing(said, version);
    return BodyFraming{Framing::kNone, length, content && content->plain};
  }
  const bool never_content = status < 200 || status == 204;
  const bool promises = said.transfer_encodings > 0 || (said.content_lengths > 0 && length != 0);
  const bool plain = never_content ? !promises : said.transfer_encodings == 0;
  return BodyFraming{Framing::kNone, never_content ? -1 : length, plain};
}

}  // namespace outrigger::http
