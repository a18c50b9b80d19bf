#pragma once
// The kinds of value that only policies have: what counts as a failure, methods, header fields,
// fallbacks. See visitors.hpp for what a kind is.

#include <string>
#include <vector>

#include "config/kinds.hpp"
#include "config/policy.hpp"

namespace outrigger::config {

// `retry.on`, `circuit.failures`, `fallback.on`: a list of tokens, statuses, grpc-CODEs and
// headers.
struct Failures {
  static constexpr bool kContainer = false;
  bool own_refusals = false;  // no_endpoint, circuit_open, limit, rate and `any` make sense here

  void read(Reader& reader, const Node& node, Matcher& out) const;
  Node write(const Matcher& matcher) const;
  Node schema() const;

 private:
  void read_word(Reader& reader, const Node& node, Matcher& out) const;
};

struct MethodSet {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, Methods& out) const;
  Node write(const Methods& methods) const;
  Node schema() const;
};

// One request method, as text.
Text method_kind();
// One gRPC method by its path, or all that begin so.
Text grpc_method_kind();

// The path and query of a request.
Text url_path_kind();
// A service as health checks of gRPC name it; may be empty.
Text grpc_service_kind();

Text spiffe_kind();
Text server_name_kind();
Text alpn_kind();

// A field name, made lower case. One that is written or removed must not be of framing or of this
// hop only.
struct HeaderName {
  static constexpr bool kContainer = false;
  bool edited = false;

  void read(Reader& reader, const Node& node, std::string& out) const;
  Node write(const std::string& name) const { return Node::string(name); }
  Node schema() const { return Text{}.schema(); }
};

// {name: value}, where a value may be {file: PATH, prefix: TEXT}. Empty is written `off`, because
// an empty map over another layer would change nothing.
struct HeaderValues {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, std::vector<HeaderValue>& out) const;
  Node write(const std::vector<HeaderValue>& values) const;
  Node schema() const;
};

// {name: value}, all of which must be there.
struct HeaderMatches {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, std::vector<HeaderMatch>& out) const;
  Node write(const std::vector<HeaderMatch>& matches) const;
  Node schema() const;
};

struct Edits {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, HeaderEdits& out) const;
  Node write(const HeaderEdits& edits) const;
  Node schema() const;
};

struct HeaderSection {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, Headers& out) const;
  Node write(const Headers& headers) const;
  Node schema() const;
};

// {count, over}, or a plain number that means `over: 0`.
struct FailureRun {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, ConsecutiveFailures& out) const;
  Node write(const ConsecutiveFailures& run) const;
  Node schema() const;
};

// auto | off | a duration.
struct AutoDuration {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, std::optional<int64_t>& out) const;
  Node write(const std::optional<int64_t>& ms) const;
  Node schema() const;
};

// {keep_last: DURATION} | refuse.
struct WhenEmpty {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, std::optional<int64_t>& out) const;
  Node write(const std::optional<int64_t>& ms) const;
  Node schema() const;
};

struct AuthorityKind {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, Authority& out) const;
  Node write(const Authority& authority) const;
  Node schema() const { return Text{}.schema(); }
};

// {header: NAME}, {cookie: NAME} or `source`.
struct HashKind {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, HashKey& out) const;
  Node write(const HashKey& key) const;
  Node schema() const;
};

// A word, or {hash: ...}.
struct BalanceKind {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, Balance& out) const;
  Node write(const Balance& balance) const;
  Node schema() const;
};

// One step of `fallback`.
struct FallbackStep {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, Fallback& out) const;
  Node write(const Fallback& step) const;
  Node schema() const;
};

}  // namespace outrigger::config
