#include "proxy/chain/local_reply.hpp"

#include <algorithm>

#include "proxy/http/grpc.hpp"

namespace outrigger::chain {
namespace {

// The sentence of the cause, with the service it speaks of and, of a limit, the key to raise.
std::string_view sentence_of(const Error& error, std::string_view service, Arena& arena) {
  const std::string_view sentence = row_of(error.cause).sentence;
  const std::string_view key = error.cause == Cause::kLimit ? error.detail : std::string_view();
  if (service.empty()) return sentence;
  return arena.concat({sentence, " (", service, key.empty() ? "" : ": ", key, ")"});
}

// The inside of a String of RFC 8941 section 3.3.3: what cannot stand in one is left out.
std::string_view quotable(std::string_view text, Arena& arena) {
  constexpr size_t kDetailsMax = 256;
  text = text.substr(0, kDetailsMax);
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return text;
  char* const begin = static_cast<char*>(arena.allocate(text.size() * 2, 1));
  char* at = begin;
  for (const char c : text) {
    if (c == '"' || c == '\\') *at++ = '\\';
    if (c >= 0x20 && c < 0x7F) *at++ = c;
  }
  return {begin, static_cast<size_t>(at - begin)};
}

void add_grpc_status(http::Fields& fields, const Error& error, std::string_view service,
                     Arena& arena) {
  fields.add(arena, http::Name::kGrpcStatus, arena.number(grpc_status_of(error)));
  fields.add(arena, http::kGrpcMessage,
             http::encode_grpc_message(sentence_of(error, service, arena), arena));
}

}  // namespace

std::string_view proxy_status(const Error& error, std::string_view service, Arena& arena) {
  const CauseRow& row = row_of(error.cause);
  const std::string_view before_service = service.empty() ? "" : " ";
  const std::string_view before_detail = error.detail.empty() ? "" : " ";
  const std::string_view received = error.received_status > 0 ? "; received-status=" : "";
  const std::string_view status =
      error.received_status > 0 ? arena.number(error.received_status) : std::string_view();
  return arena.concat({"outrigger; error=", row.type, received, status, "; details=\"", row.name,
                       before_service, quotable(service, arena), before_detail,
                       quotable(error.detail, arena), "\""});
}

int grpc_status_of(const Error& error) {
  if (error.received_grpc_status >= 0) return error.received_grpc_status;
  if (error.h2_code > 0) return http::grpc_status_of_reset(error.h2_code);
  return row_of(error.cause).grpc_status;
}

http::Fields* grpc_trailers(const Error& error, std::string_view service, Arena& arena) {
  auto* trailers = arena.make<http::Fields>();
  add_grpc_status(*trailers, error, service, arena);
  return trailers;
}

LocalReply render(const Error& error, std::string_view service, bool grpc, Arena& arena) {
  const CauseRow& row = row_of(error.cause);
  LocalReply reply;
  if (grpc) {
    reply.fields.add(arena, http::Name::kContentType, http::kGrpcContentType);
    add_grpc_status(reply.fields, error, service, arena);
  } else {
    reply.status = error.received_status > 0 ? error.received_status : row.status;
    reply.fields.add(arena, http::Name::kContentType, "text/plain; charset=utf-8");
    reply.body = arena.concat({sentence_of(error, service, arena), "\n"});
  }
  reply.fields.add(arena, http::Name::kProxyStatus, proxy_status(error, service, arena));
  if (error.retry_after_s > 0) {
    reply.fields.add(arena, http::Name::kRetryAfter, arena.number(error.retry_after_s));
  }
  if (error.cause == Cause::kMethodRefused) {
    reply.fields.add(arena, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
  }
  return reply;
}

http::ResponseHead* to_head(const LocalReply& reply, http::Method method, Arena& arena) {
  constexpr int kNoContent = 204;
  constexpr int kNotModified = 304;
  auto* head = arena.make<http::ResponseHead>();
  head->status = reply.status;
  // The reply may be one that a policy keeps for all its calls; filters edit the head.
  head->fields = reply.fields.clone(arena);
  if (reply.status == kNoContent || reply.status == kNotModified) return head;
  // What a GET would get may be longer than an answer to HEAD that we know without its body.
  if (method == http::Method::kHead && reply.body.empty()) return head;
  if (!reply.trailers.empty()) {
    head->framing = http::Framing::kChunked;
    return head;
  }
  if (reply.fields.find(http::Name::kGrpcStatus) != nullptr) return head;  // trailers-only
  head->content_length = static_cast<int64_t>(reply.body.size());
  if (method != http::Method::kHead) head->framing = http::Framing::kLength;
  return head;
}

}  // namespace outrigger::chain
