#include "proxy/io/dns_channel.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <unordered_map>
#include <utility>

#include <ares.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/stat.h>

namespace outrigger::io {
namespace {

// More do not fit into a message of 64 KiB.
constexpr size_t kMostRecords = 4'096;

// What tells one state of a file from another without reading it. All zero: there is none.
struct FileState {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  int64_t changed_ns = 0;

  bool operator==(const FileState&) const = default;

  static FileState of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return {};
    // ctime moves with every change of the content or of the name, mtime can be set.
    return {status.st_dev, status.st_ino, status.st_size,
            int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec};
  }
};

Verdict verdict_of(int status) {
  switch (status) {
    case ARES_SUCCESS:
      return Verdict::kRecords;
    case ARES_ENODATA:
      return Verdict::kNoRecords;
    case ARES_ENOTFOUND:
      return Verdict::kNoName;
    case ARES_ETIMEOUT:
      return Verdict::kSilence;
    default:
      return Verdict::kError;
  }
}

// c-ares gives TTLs that are the smallest along the chain of aliases already.
template <class Record, size_t kIpBytes>
int read_records(int (*parse)(const unsigned char*, int, hostent**, Record*, int*),
                 const unsigned char* message, int length, Answer& answer) {
  static thread_local std::array<Record, kMostRecords> found;
  int count = kMostRecords;
  const int status = parse(message, length, nullptr, found.data(), &count);
  if (status != ARES_SUCCESS) return status;
  answer.ttl_s = std::numeric_limits<int64_t>::max();
  answer.addresses.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    // The address is the first member of both kinds of record.
    const auto* const bytes = reinterpret_cast<const uint8_t*>(&found[i]);
    answer.addresses.push_back(Address::from_bytes({bytes, kIpBytes}, 0));
    // A TTL with the top bit set counts as 0 (RFC 2181 section 8).
    answer.ttl_s = std::min<int64_t>(answer.ttl_s, std::max(found[i].ttl, 0));
  }
  return count == 0 ? ARES_ENODATA : ARES_SUCCESS;
}

uint16_t number_at(const unsigned char* bytes) {
  return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]);
}

// The parts of a message (RFC 1035 section 4.1), one after the other. Once it is cut off or torn
// nothing more is read.
class MessageReader {
 public:
  MessageReader(const unsigned char* message, int length)
      : x_begin(message), x_at(message), x_length(length) {}

  bool is_torn() const { return x_is_torn; }
  const unsigned char* take(int64_t bytes) {
    if (x_is_torn || x_begin + x_length - x_at < bytes) x_is_torn = true;
    return std::exchange(x_at, x_is_torn ? x_at : x_at + bytes);
  }
  // In lower case, without a dot at its end.
  std::string take_name() {
    char* text = nullptr;
    long encoded_bytes = 0;
    const int status = x_is_torn ? ARES_EBADNAME
                                 : ares_expand_name(x_at, x_begin, static_cast<int>(x_length),
                                                    &text, &encoded_bytes);
    if (status != ARES_SUCCESS) {
      x_is_torn = true;
      return {};
    }
    x_at += encoded_bytes;
    std::string name(text);
    ares_free_string(text);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name;
  }

 private:
  const unsigned char* const x_begin;
  const unsigned char* x_at;
  const int64_t x_length;
  bool x_is_torn = false;
};

// c-ares (1.18) drops the TTLs of these.
int read_places(const unsigned char* message, int length, Answer& answer) {
  constexpr int64_t kHeaderBytes = 12;
  MessageReader reader(message, length);
  const unsigned char* const header = reader.take(kHeaderBytes);
  if (reader.is_torn()) return ARES_EBADRESP;
  for (int questions = number_at(header + 4); questions > 0; --questions) {
    reader.take_name();
    reader.take(4);
  }
  answer.ttl_s = std::numeric_limits<int64_t>::max();
  for (int records = number_at(header + 6); records > 0 && !reader.is_torn(); --records) {
    reader.take_name();
    const unsigned char* const fixed = reader.take(10);
    if (reader.is_torn()) break;
    const int type = number_at(fixed);
    const uint32_t ttl_s = uint32_t{number_at(fixed + 4)} << 16 | number_at(fixed + 6);
    answer.ttl_s = std::min<int64_t>(answer.ttl_s, ttl_s > INT32_MAX ? 0 : ttl_s);
    if (type != ns_t_srv) {
      reader.take(number_at(fixed + 8));
      continue;
    }
    const unsigned char* const place = reader.take(6);
    if (reader.is_torn()) break;
    answer.places.push_back({number_at(place), number_at(place + 2), number_at(place + 4), {}});
    answer.places.back().target = reader.take_name();
  }
  if (reader.is_torn()) return ARES_EBADRESP;
  return answer.places.empty() ? ARES_ENODATA : ARES_SUCCESS;
}

int read_answer(const unsigned char* message, int length, Answer& answer) {
  switch (answer.type) {
    case RecordType::kA:
      return read_records<ares_addrttl, 4>(ares_parse_a_reply, message, length, answer);
    case RecordType::kAaaa:
      return read_records<ares_addr6ttl, 16>(ares_parse_aaaa_reply, message, length, answer);
    case RecordType::kSrv:
      return read_places(message, length, answer);
  }
  return ARES_EBADRESP;
}

Answer read(RecordType type, int status, const unsigned char* message, int length) {
  Answer answer{.type = type, .verdict = Verdict::kError, .addresses = {}, .ttl_s = 0};
  if (status == ARES_SUCCESS) status = read_answer(message, length, answer);
  answer.verdict = verdict_of(status);
  return answer;
}

int number_of(RecordType type) {
  constexpr std::array<int, kRecordTypes> kNumbers = {ns_t_a, ns_t_aaaa, ns_t_srv};
  return kNumbers[static_cast<size_t>(type)];
}

}  // namespace

// One question of its owner.
class DnsChannel::Query final : public Operation, public ListNode<Query> {
 public:
  Query(DnsChannel& channel, RecordType type, ReplyEvents& events)
      : x_channel(channel), x_events(events) {
    x_answer.type = type;
    channel.x_queries.push_back(*this);
  }
  ~Query() override { forget(); }

  RecordType type() const { return x_answer.type; }
  void wait_for(Token& token) { x_token = &token; }
  void take(Answer answer) {
    x_token = nullptr;
    ListNode<Query>::unlink();
    x_answer = std::move(answer);
    x_channel.x_loop.defer(x_deferred);
  }
  inline void forget();

 private:
  void deliver() {
    if (!ListNode<Reapable>::is_linked()) x_events.on_reply(std::move(x_answer));
  }

  DnsChannel& x_channel;
  ReplyEvents& x_events;
  Token* x_token = nullptr;
  Answer x_answer;
  Deferred x_deferred = Deferred::of<&Query::deliver>(*this);
};

// What c-ares holds while it asks. It outlives a query that was cancelled.
struct DnsChannel::Token {
  DnsChannel& channel;
  Query* query;

  static void on_reply(void* self, int status, int, unsigned char* message, int length) {
    const std::unique_ptr<Token> token(static_cast<Token*>(self));
    if (token->query == nullptr) {
      --token->channel.x_cancelled;
    } else {
      token->query->take(read(token->query->type(), status, message, length));
    }
  }
};

// No one waits for the answer any more.
void DnsChannel::Query::forget() {
  ListNode<Query>::unlink();
  if (x_token == nullptr) return;
  x_token->query = nullptr;
  x_token = nullptr;
  ++x_channel.x_cancelled;
}

// One channel of c-ares: its sockets are watched by the loop, its clock is the loop's.
class DnsChannel::Ares {
 public:
  Ares(Loop& loop, const DnsOptions& options)
      : x_loop(loop),
        x_read_from(FileState::of(options.resolv_conf)),
        x_search_list(SearchList::of_system(options.resolv_conf)) {
    ares_options settings{};
    const int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_FLAGS | ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ |
                     ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_RESOLVCONF;
    settings.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<Ares*>(self)->watch(fd, readable != 0, writable != 0);
    };
    settings.sock_state_cb_data = this;
    settings.flags = ARES_FLAG_EDNS;
    settings.ednspsz = 1232;  // fits into one packet nearly everywhere (DNS flag day 2020)
    settings.lookups = const_cast<char*>("b");
    settings.timeout = options.timeout_ms;
    settings.tries = options.tries;
    settings.resolvconf_path = const_cast<char*>(options.resolv_conf.c_str());
    x_status = ares_init_options(&x_channel, &settings, mask);
    if (x_status != ARES_SUCCESS || options.servers.empty()) return;
    std::string servers;
    for (const std::string& server : options.servers) servers += server + ',';
    servers.pop_back();
    x_status = ares_set_servers_ports_csv(x_channel, servers.c_str());
  }
  ~Ares() {
    if (x_channel != nullptr) ares_destroy(x_channel);
  }
  Ares(const Ares&) = delete;
  Ares& operator=(const Ares&) = delete;

  const SearchList& search_list() const { return x_search_list; }
  bool is_current(const DnsOptions& options) const {
    return x_status == ARES_SUCCESS && x_read_from == FileState::of(options.resolv_conf);
  }

  void ask(const std::string& name, Token* token) {
    if (x_status != ARES_SUCCESS) return Token::on_reply(token, x_status, 0, nullptr, 0);
    const int type = number_of(token->query->type());
    ares_query(x_channel, name.c_str(), ns_c_in, type, &Token::on_reply, token);
    arm();
  }

 private:
  void watch(ares_socket_t fd, bool readable, bool writable) {
    if (!readable && !writable) {
      x_sockets.erase(fd);
      return;
    }
    UvHandle<uv_poll_t>& socket = x_sockets[fd];
    const auto init = [&](uv_poll_t* handle) { return uv_poll_init(x_loop.uv(), handle, fd); };
    if (!socket.is_open() && socket.open(this, init) < 0) return;
    uv_poll_start(socket.get(), (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                  [](uv_poll_t* handle, int status, int events) {
                    if (handle->data == nullptr) return;
                    static_cast<Ares*>(handle->data)->on_poll(handle, status, events);
                  });
  }

  void on_poll(uv_poll_t* handle, int status, int events) {
    const Loop::Turn turn(x_loop);
    uv_os_fd_t fd = -1;
    uv_fileno(reinterpret_cast<uv_handle_t*>(handle), &fd);
    if (status < 0) events = UV_READABLE | UV_WRITABLE;
    process((events & UV_READABLE) != 0 ? fd : ARES_SOCKET_BAD,
            (events & UV_WRITABLE) != 0 ? fd : ARES_SOCKET_BAD);
  }

  void on_timer() { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

  void process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(x_channel, readable, writable);
    arm();
  }

  void arm() {
    timeval wait{};
    if (ares_timeout(x_channel, nullptr, &wait) == nullptr) return x_timer.cancel();
    const int64_t in_ms = int64_t{wait.tv_sec} * 1000 + (wait.tv_usec + 999) / 1000;
    x_loop.context().timers.arm(x_timer, x_loop.context().clock.now_ms() + in_ms);
  }

  Loop& x_loop;
  const FileState x_read_from;
  const SearchList x_search_list;
  ares_channel x_channel = nullptr;
  int x_status = ARES_SUCCESS;
  std::unordered_map<ares_socket_t, UvHandle<uv_poll_t>> x_sockets;
  Timer x_timer = Timer::of<&Ares::on_timer>(*this);
};

DnsChannel::DnsChannel(Loop& loop, const DnsOptions& options) : x_loop(loop), x_options(options) {
  static const int once = ares_library_init(ARES_LIB_INIT_ALL);
  OUTRIGGER_ASSERT(once == ARES_SUCCESS);
}

DnsChannel::~DnsChannel() = default;

bool DnsChannel::renew() {
  if (x_ares != nullptr && x_ares->is_current(x_options) && x_cancelled < kMostCancelled) {
    return false;
  }
  x_queries.for_each([](Query& query) { query.forget(); });
  const bool is_first = x_ares == nullptr;
  x_ares.reset();  // tells each token that it is over
  x_ares = std::make_unique<Ares>(x_loop, x_options);
  return !is_first;
}

const SearchList& DnsChannel::search_list() {
  if (x_ares == nullptr) renew();
  return x_ares->search_list();
}

OperationPtr DnsChannel::ask(const std::string& name, RecordType type, ReplyEvents& events) {
  if (x_ares == nullptr) renew();
  auto query = std::make_unique<Query>(*this, type, events);
  std::unique_ptr<Token> token(new Token{*this, query.get()});
  query->wait_for(*token);
  x_ares->ask(name, token.release());
  return query;
}

}  // namespace outrigger::io
