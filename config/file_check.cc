#include "config/file_check.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "model/base/status_macros.h"

namespace radio::config {
namespace {

constexpr size_t kReadBytes = 1 << 20;

absl::Status Refusal(const std::string& name, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(name, ": ", why));
}

absl::Status CheckFolder(const std::string& name) {
  const size_t slash = name.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : name.substr(0, slash + 1);
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat(folder, ": ", std::strerror(errno)));
  }
  // With the sticky bit only the owner of a file may put another in its place.
  if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return Refusal(folder, "everybody may write to it");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Sha256OfFile(int fd, const std::string& path) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free);
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("SHA-256 is not available");
  }
  std::string buffer(kReadBytes, '\0');
  while (true) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::DataLossError(absl::StrCat(path, ": ", std::strerror(errno)));
    if (count == 0) break;
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<size_t>(count));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context.get(), digest, &length);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), length));
}

}  // namespace

absl::StatusOr<TrustedFile> TrustedFile::Open(const std::string& name) {
  RADIO_RETURN_IF_ERROR(CheckFolder(name));
  // A pipe without a writer must not hold up the start.
  const int fd = open(name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return errno == ELOOP ? Refusal(name, "symbolic link")
                          : absl::NotFoundError(absl::StrCat(name, ": ", std::strerror(errno)));
  }
  struct stat info {};
  const bool known = fstat(fd, &info) == 0;
  TrustedFile file(name, fd, info);
  if (!known || !S_ISREG(info.st_mode)) return Refusal(name, "is no regular file");
  if ((info.st_mode & S_IWOTH) != 0) return Refusal(name, "everybody may write to it");
  return file;
}

TrustedFile::TrustedFile(TrustedFile&& other) noexcept
    : name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)), opened_(other.opened_) {}

TrustedFile::~TrustedFile() {
  if (fd_ >= 0) close(fd_);
}

std::string TrustedFile::path() const { return absl::StrCat("/proc/self/fd/", fd_); }

absl::Status TrustedFile::Verify(int64_t byte_size, absl::string_view sha256) const {
  if (opened_.st_size != byte_size) {
    return absl::DataLossError(
        absl::StrCat(name_, ": has ", opened_.st_size, " bytes, the manifest says ", byte_size));
  }
  RADIO_ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(fd_, name_));
  if (digest != sha256) {
    return absl::DataLossError(
        absl::StrCat(name_, ": SHA-256 is ", digest, ", the manifest says ", sha256));
  }
  return absl::OkStatus();
}

absl::Status TrustedFile::Unchanged() const {
  struct stat now {};
  const auto same = [](const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  if (fstat(fd_, &now) != 0 || now.st_size != opened_.st_size ||
      !same(now.st_mtim, opened_.st_mtim) || !same(now.st_ctim, opened_.st_ctim)) {
    return Refusal(name_, "was changed or replaced while it was read");
  }
  return absl::OkStatus();
}

}  // namespace radio::config
