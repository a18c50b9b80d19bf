#include "proxy/http/message.hpp"

#include <cstring>

namespace outrigger::http {

Method method_from(std::string_view name) {
  switch (name.size()) {
    case 3:
      if (name == "GET") return Method::kGet;
      if (name == "PUT") return Method::kPut;
      break;
    case 4:
      if (name == "POST") return Method::kPost;
      if (name == "HEAD") return Method::kHead;
      break;
    case 5:
      if (name == "PATCH") return Method::kPatch;
      if (name == "TRACE") return Method::kTrace;
      break;
    case 6:
      if (name == "DELETE") return Method::kDelete;
      break;
    case 7:
      if (name == "OPTIONS") return Method::kOptions;
      if (name == "CONNECT") return Method::kConnect;
      break;
    default:
      break;
  }
  return Method::kOther;
}

bool is_safe(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions ||
         method == Method::kTrace;
}

bool is_idempotent(Method method) {
  return is_safe(method) || method == Method::kPut || method == Method::kDelete;
}

// Asked of every response: memcmp of a constant length needs no call.
bool is_stream(const ResponseHead& head) {
  constexpr std::string_view kEvents = "text/event-stream";
  constexpr std::string_view kGrpc = "application/grpc";
  const std::string_view type = head.fields.value(Name::kContentType);
  return head.tunnel ||
         (type.size() >= kEvents.size() &&
          std::memcmp(type.data(), kEvents.data(), kEvents.size()) == 0) ||
         (type.size() >= kGrpc.size() && std::memcmp(type.data(), kGrpc.data(), kGrpc.size()) == 0);
}

}  // namespace outrigger::http
