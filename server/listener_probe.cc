#include "server/listener_probe.h"

#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace radio::server {
namespace {

constexpr int kMissesUntilDead = 3;
constexpr absl::Duration kMaxProbe = absl::Seconds(5);
// RFC 9113, section 3.4: the preface and an empty SETTINGS frame.
constexpr absl::string_view kHttp2Hello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// What a TLS client says first.
std::string TlsHello() {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  const std::unique_ptr<SSL, void (*)(SSL*)> tls(SSL_new(context.get()), SSL_free);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(tls.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(tls.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  return std::string(bytes, size);
}

// Where a connection to something listened on goes to: of all addresses, to this machine's own.
std::string LoopbackOf(absl::string_view host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  if (host == "[::]") return "::1";
  return std::string(absl::StripSuffix(absl::StripPrefix(host, "["), "]"));
}

bool Await(int fd, short events, absl::Time deadline) {
  pollfd waited{fd, events, 0};
  const absl::Duration left = std::max(deadline - absl::Now(), absl::ZeroDuration());
  return poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(left))) == 1;
}

}  // namespace

absl::Status ProbeListener(const std::string& address, bool tls, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  const size_t colon = address.rfind(':');
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string host = LoopbackOf(absl::string_view(address).substr(0, colon));
  if (getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0) {
    return absl::InternalError(absl::StrCat("cannot resolve ", address));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> target(found, freeaddrinfo);
  const Socket socket(::socket(target->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) return absl::InternalError(std::strerror(errno));

  absl::Status dead = absl::UnavailableError(absl::StrCat(address, " does not answer"));
  if (connect(socket.fd(), target->ai_addr, target->ai_addrlen) != 0 && errno != EINPROGRESS) {
    return dead;
  }
  if (!Await(socket.fd(), POLLOUT, deadline)) return dead;
  const std::string hello = tls ? TlsHello() : std::string(kHttp2Hello);
  if (send(socket.fd(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0) return dead;
  char answer = 0;
  if (!Await(socket.fd(), POLLIN, deadline) || recv(socket.fd(), &answer, 1, 0) != 1) return dead;
  return absl::OkStatus();
}

ListenerProbe::ListenerProbe(std::string address, bool tls, absl::Duration interval,
                             std::function<void()> on_dead)
    : address_(std::move(address)),
      tls_(tls),
      interval_(interval),
      on_dead_(std::move(on_dead)),
      thread_([this] { Loop(); }) {
  pthread_setname_np(thread_.native_handle(), "listener_probe");
}

ListenerProbe::~ListenerProbe() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
  }
  stop_changed_.SignalAll();
  thread_.join();
}

void ListenerProbe::Loop() {
  int misses = 0;
  while (misses < kMissesUntilDead) {
    {
      MutexLock lock(&mutex_);
      if (!stop_) stop_changed_.WaitFor(&mutex_, interval_);
      if (stop_) return;
    }
    const absl::Status status = ProbeListener(address_, tls_, std::min(interval_, kMaxProbe));
    if (status.ok()) misses = 0;
    if (absl::IsUnavailable(status)) ++misses;
  }
  on_dead_();
}

}  // namespace radio::server
