"""A fake of a Solar-Log, built from recorded answers (values of our own) and from how its own pages ask and log in; what
it answers without the header against forged requests is a guess."""
from ems_api import Api, Mistake, Page, Refusal

DENIED = Refusal(200, '{"801":{"170":"ACCESS DENIED"}}')
HASH = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"  # bcrypt of: open sesame
CSRF = {"X-SL-CSRF-PROTECTION": "1"}


def page(question, file, **more):
    return Page("POST", "/getjp#" + question, headers=CSRF, file="solarlog/" + file,
                refuse={"header": Refusal(403, "Forbidden", type="text/html"), "cookie": DENIED}, **more)


SESSION = {"SolarLog": "<<session>>"}

APIS = [
    Api("solarlog", title="with a login", now="2026-11-24T12:00:00Z", options={"password": "open sesame"}, pages=[
        page('{"550":{"104":null}}', "own_salt.json", name="salt"),
        Page("POST", "/login", headers=CSRF, form={"u": "user", "p": HASH}, needs=("salt",), makes=("session",),
             file="solarlog/own_login.txt", sends={"Set-Cookie": "SolarLog=<<session>>; Path=/"},
             refuse={"form:u": Refusal(200, "FAILED - User was wrong", type="text/plain"),
                     "form:p": Refusal(200, "FAILED - Password was wrong", type="text/plain")}),
        page('{"801":{"170":null}}', "own_basic.json", cookies=SESSION),
        page('{"858":null}', "own_battery.json", cookies=SESSION)],
        expect={"grid_w": -245, "pv_w": 2410, "battery_w": -420, "soc_permille": 645, "consumption_w": 1745},
        mistakes=[Mistake({"password": "wrong"}, 69, "the login is not taken"),
                  Mistake({"password": ""}, 69, "set password, or allow open access")]),
]
