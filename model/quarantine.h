// Images that failed in the model before, kept from failing there again.
#ifndef RADIO_MODEL_QUARANTINE_H_
#define RADIO_MODEL_QUARANTINE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/base/clock.h"
#include "model/base/mutex.h"
#include "model/types.h"

namespace radio {

// An image that makes its batch fail costs 2 log2 B + 1 runs; a caller that repeats it can stop the
// service for everybody. After `strikes` failures in `period` the same bytes for the same model are
// refused until `period` has passed since the last failure. While nothing has failed for a period,
// no image's bytes are read. Thread-safe; no method blocks.
class Quarantine {
 public:
  struct Options {
    absl::Duration period = absl::Seconds(60);
    // One failure may have been the machine's fault.
    int strikes = 2;
    // Images remembered; beyond it the one that failed longest ago is forgotten.
    size_t max_images = 1024;
  };
  // `clock` outlives the quarantine.
  Quarantine(Options options, const Clock* clock) : options_(options), clock_(clock) {}

  // OK, or the error that the image failed with (its code and reason), with the time left. `image`
  // is what a caller sent.
  absl::Status Check(absl::string_view model, const Bytes& image);
  // What became of an image in the model. Only INFERENCE_FAILED and NON_FINITE_OUTPUT count: other
  // failures are not the image's.
  void Record(absl::string_view model, const Bytes& image, const absl::Status& outcome);

  // Images refused so far.
  int64_t refused() const;

 private:
  // What stands for an image: a hash salted for each process, and the size.
  struct Key {
    size_t hash = 0;
    size_t size = 0;
    bool operator==(const Key& other) const { return hash == other.hash && size == other.size; }
  };
  struct Entry {
    Key key;
    absl::Status error;
    int failures = 0;
    absl::Time last;
  };
  struct Hash {
    size_t operator()(const Key& key) const { return key.hash; }
  };

  // Reads every byte.
  static Key KeyOf(absl::string_view model, const Bytes& image);
  // Whether no image is remembered.
  bool Empty();
  bool Expired(const Entry& entry) const { return clock_->Now() - entry.last >= options_.period; }
  void ForgetExpired() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Clock* const clock_;
  mutable Mutex mutex_;
  // By the time of their last failure, oldest first.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<Key, std::list<Entry>::iterator, Hash> index_ ABSL_GUARDED_BY(mutex_);
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace radio

#endif  // RADIO_MODEL_QUARANTINE_H_
