// How a client reaches a server and how patient it is.
#ifndef RADIO_CLIENT_OPTIONS_H_
#define RADIO_CLIENT_OPTIONS_H_

#include <string>

#include "absl/time/time.h"

namespace radio::client {

struct TlsOptions {
  // False sends everything in the clear; the other fields must then be empty.
  bool enabled = false;
  // PEM roots that the server's certificate must chain to; empty means the system's.
  std::string ca_file;
  // PEM pair that this client shows (mutual TLS); both or neither.
  std::string certificate_file;
  std::string key_file;
  // Name expected in the server's certificate instead of the address's host.
  std::string server_name;
};

// What is retried: UNAVAILABLE, and RESOURCE_EXHAUSTED when the server said when to come back.
// Anything else would fail again, or would add load where there is too much.
struct RetryOptions {
  // Attempts per call, the first included. On a stream: failed connections in a row, and sendings
  // of one item, where a pushed-back refusal counts only if nothing else was answered meanwhile and
  // there is no `patience`.
  int max_attempts = 5;
  // On a stream: for how long a server may push every image back before they fail. It is asked
  // again as often as that takes, no sooner than it says and less and less often. Zero: attempts
  // decide.
  absl::Duration patience = absl::ZeroDuration();
  // Before attempt n + 1: initial * 2^(n - 1), at most max, less a random part of it. A server's
  // pushback replaces it.
  absl::Duration initial_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(5);
  // Part of a backoff that is random, in [0, 1]: clients that failed together do not return
  // together.
  double jitter = 0.3;
  // All calls of one client share a budget of `budget` retries; each success returns
  // `budget_per_success` of one. When a server fails everything, retries stop adding to its load.
  // A refusal that does not count as an attempt takes nothing from it.
  double budget = 20;
  double budget_per_success = 0.1;
};

struct ClientOptions {
  // "host:port", resolved by DNS and balanced round robin over all its addresses; or any gRPC
  // target ("dns:///...", "unix:/path", "ipv4:...").
  std::string server = "localhost:50051";
  // HTTP/2 connections to each address, 1 to 64; calls take them in turn, a stream keeps its own.
  // Messages of one connection wait for each other, so large answers (dense features) of several
  // calls arrive sooner over several.
  int connections = 1;
  TlsOptions tls = {};
  // Sent as "authorization: Bearer <token>". Refused without TLS unless the server is this machine.
  std::string token = {};
  // Bounds each call, retries included, and on a stream each item from its sending to its answer.
  absl::Duration deadline = absl::Seconds(60);
  RetryOptions retry = {};
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_OPTIONS_H_
