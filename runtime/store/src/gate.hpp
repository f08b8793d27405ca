// gate.hpp: what SQL may do, depending on who sends it.
//
// Scripts share the connection with the runtime (":memory:" knows no second one), so SQLite's
// authorizer decides per statement. It asks only while a statement is compiled; who is asking then
// is set with Pass. The authorizer stays installed for good: each sqlite3_set_authorizer() makes
// SQLite compile every kept statement again.
#pragma once

#include "database.hpp"

#include <chrono>
#include <string>

namespace parley::store {

class Gate {
 public:
    enum class Who {
        runtime,    // anything
        script,     // reads, and writes to the scripts' own tables
        migration,  // may also make and change the scripts' tables
    };

    // The gate must outlive the connection's last statement.
    void guard(Database& database);

    // Why the last statement was refused, once; "" when it was not.
    std::string take_refusal();

    // While it lives, statements are `who`'s, and are interrupted at `deadline`.
    class Pass {
     public:
        Pass(Gate& gate, Who who,
             std::chrono::steady_clock::time_point deadline =
                 std::chrono::steady_clock::time_point::max());
        ~Pass();
        Pass(const Pass&) = delete;
        Pass& operator=(const Pass&) = delete;

     private:
        Gate& gate_;
    };

 private:
    static int authorize(void* self, int action, const char* first, const char* second,
                         const char* schema, const char* inner);
    static int interrupt_if_late(void* self);
    int decide(int action, std::string_view first, std::string_view second);
    int refuse(std::string why);

    Who who_ = Who::runtime;
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
    std::string refusal_;
};

}  // namespace parley::store
