// The NameServers are who a Resolver asks: one question at a time, with no idea of families, search
// lists or fairness. The real ones are io::DnsChannel. One thread.
#pragma once

#include <string>

#include "proxy/io/name_service.hpp"
#include "proxy/io/search_list.hpp"

namespace outrigger::io {

class ReplyEvents {
 public:
  // Once; never from inside NameServers::ask().
  virtual void on_reply(Answer answer) = 0;

 protected:
  ~ReplyEvents() = default;
};

class NameServers {
 public:
  virtual ~NameServers() = default;

  // Looks whether the configuration of the system is another one by now. True: it is in force, and
  // what was asked before is forgotten without a reply.
  virtual bool renew() = 0;
  // The list of the system's configuration as renew() last saw it.
  virtual const SearchList& search_list() = 0;
  // `name` ends with a dot. Tries and times are the servers' own; the caller bounds the whole by
  // destroying the handle.
  virtual OperationPtr ask(const std::string& name, RecordType type, ReplyEvents& events) = 0;
};

}  // namespace outrigger::io
