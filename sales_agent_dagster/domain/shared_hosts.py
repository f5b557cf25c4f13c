"""Hosts and mailboxes that many firms or people share: they do not say which one it is.

Two kinds of shared host. On a *listing* host (directories, social networks, manufacturers' own sites)
firms differ by path at most: it never identifies a firm. On a *tenant* host (site builders, dealer-site
programmes) each firm has its own subdomain: the subdomain identifies the firm, the host does not.

The lists are starters compiled by hand from the services' public addresses. What they cannot know, such
as the domain of a franchise, the matcher finds in the data.
"""

from __future__ import annotations


def _words(listing: str) -> frozenset[str]:
    """The words of a listing whose ``#`` lines are comments."""
    lines = (line for line in listing.splitlines() if not line.lstrip().startswith("#"))
    return frozenset(" ".join(lines).split())


_LISTING_HOSTS = _words(
    """
    # Social networks, video, link pages.
    facebook.com fb.com fb.me instagram.com linkedin.com twitter.com x.com youtube.com youtu.be tiktok.com
    pinterest.com threads.net nextdoor.com linktr.ee beacons.ai bio.link about.me campsite.bio
    lnk.bio solo.to
    # Search, maps, shorteners.
    google.com goo.gl g.page g.co maps.app.goo.gl sites.google.com bing.com mapquest.com apple.com waze.com
    bit.ly tinyurl.com t.co ow.ly
    # Directories and review sites.
    yelp.com yelp.to yellowpages.com superpages.com dexknows.com bbb.org angi.com angieslist.com
    homeadvisor.com thumbtack.com houzz.com porch.com buildzoom.com manta.com chamberofcommerce.com
    alignable.com hotfrog.com brownbook.net foursquare.com expertise.com bark.com networx.com modernize.com
    energysage.com solarreviews.com homestars.com merchantcircle.com citysearch.com local.com
    loc8nearme.com birdeye.com trustpilot.com craigslist.org amazon.com homedepot.com lowes.com costco.com
    dnb.com zoominfo.com
    # Booking and field-service portals where firms or brands differ by path or brand subdomain.
    dispatch.me housecallpro.com jobber.com getjobber.com servicetitan.com calendly.com
    squareup.com setmore.com vagaro.com
    # Storage where the subdomain is a bucket or a number.
    amazonaws.com cloudfront.net
    # Manufacturers' own sites: a dealer page there is the manufacturer's, not the dealer's.
    generac.com kohler.com kohlerpower.com kohlerenergy.com cummins.com briggsandstratton.com
    briggsandstrattonenergy.com tesla.com enphase.com solaredge.com sma-america.com carrier.com bryant.com
    trane.com americanstandardair.com lennox.com york.com johnsoncontrols.com rheem.com ruud.com
    goodmanmfg.com amana-hac.com daikincomfort.com mitsubishicomfort.com cat.com sunpower.com sonnenusa.com
    """
)

_TENANT_HOSTS = _words(
    """
    # Dealer-site programmes.
    generacdealers.com
    # Site builders and hosts.
    business.site godaddysites.com wixsite.com wix.com editorx.io weebly.com weeblysite.com wordpress.com
    wpengine.com wpenginepowered.com wpcomstaging.com blogspot.com squarespace.com webflow.io jimdo.com
    jimdofree.com jimdosite.com strikingly.com mystrikingly.com site123.me webnode.com webnode.page
    yolasite.com tumblr.com duda.co dudaone.com multiscreensite.com homestead.com vistaprintdigital.com
    ueniweb.com myshopify.com bigcartel.com github.io gitlab.io netlify.app vercel.app pages.dev web.app
    firebaseapp.com herokuapp.com azurewebsites.net carrd.co square.site onrender.com
    framer.website hubspotpagebuilder.com hs-sites.com unbouncepages.com leadpages.co clickfunnels.com
    kajabi.com websites.co.in 000webhostapp.com
    """
)

_SHARED_HOSTS = _LISTING_HOSTS | _TENANT_HOSTS

_SERVICE_LABELS = _words("www www2 m mobile en es app blog shop store my sites site login")
"""First labels that belong to the platform itself, not to a tenant."""

FREE_MAIL = _words(
    """
    # Free mail anywhere.
    gmail.com googlemail.com yahoo.com ymail.com rocketmail.com hotmail.com outlook.com live.com msn.com
    passport.com aol.com aim.com icloud.com me.com mac.com mail.com email.com usa.com gmx.com gmx.net
    gmx.de web.de proton.me protonmail.com pm.me zoho.com zohomail.com yandex.com fastmail.com fastmail.fm
    hushmail.com tutanota.com tuta.com inbox.com lycos.com excite.com juno.com netzero.net netzero.com
    yahoo.ca yahoo.co.uk yahoo.com.mx hotmail.ca hotmail.co.uk hotmail.es outlook.es live.ca mail.ru qq.com
    163.com
    # Access providers' customer mail in the US and Canada.
    comcast.net xfinity.com verizon.net att.net sbcglobal.net bellsouth.net pacbell.net swbell.net
    ameritech.net prodigy.net snet.net nvbell.net flash.net cox.net charter.net spectrum.net rr.com twc.com
    brighthouse.com earthlink.net mindspring.com peoplepc.com frontier.com frontiernet.net windstream.net
    centurylink.net centurytel.net embarqmail.com q.com qwest.net optonline.net optimum.net suddenlink.net
    cableone.net sparklight.net mediacombb.net mchsi.com wowway.com rcn.com tds.net ptd.net hughes.net
    wildblue.net epix.net atlanticbb.net zoominternet.net consolidated.net fairpoint.net gci.net
    hawaiiantel.net netscape.net netscape.com roadrunner.com shaw.ca telus.net rogers.com sympatico.ca
    bell.net videotron.ca
    """
)

_ROLE_MAILBOXES = _words(
    "accounting accounts admin billing careers contact contactus customerservice dispatch email enquiries "
    "estimates estimating evcharging generators hello help hr info inquiries jobs mail marketing noreply "
    "office orders quote quotes reception sales scheduling service servicedesk solar support team "
    "web webmaster"
)


def is_shared_host(host: str) -> bool:
    """True when ``host`` is, or lies under, a host that unrelated firms share.

    Case and a leading ``www.`` do not matter: ``york.dispatch.me``, ``acme.business.site`` and
    ``www.facebook.com`` are shared, ``acme.com`` is not.
    """
    return _is_within(_SHARED_HOSTS, host)


def tenant_host(host: str) -> str | None:
    """The part of a shared host that identifies one firm, or None when nothing of it does.

    ``www.acme.generacdealers.com`` gives ``acme.generacdealers.com``; ``generacdealers.com``,
    ``facebook.com`` and every host that is not shared give None.
    """
    previous = None
    for parent in reversed(_parents(host)):
        if previous in _TENANT_HOSTS:
            label = parent.partition(".")[0]
            return None if label in _SERVICE_LABELS else parent
        previous = parent
    return None


def is_free_mail(domain: str) -> bool:
    """True when anybody can have an address at ``domain``: free mail, access providers' customer mail."""
    return _is_within(FREE_MAIL, domain)


def is_role_mailbox(email: str) -> bool:
    """True when the address is a function's, such as ``info@`` or ``sales@``, not a person's."""
    local = email.strip().lower().rpartition("@")[0]
    return local.replace(".", "").replace("-", "").replace("_", "") in _ROLE_MAILBOXES


def _is_within(hosts: frozenset[str], host: str) -> bool:
    """True when ``host`` or a parent of it is among ``hosts``."""
    rest = host.strip().strip(".").lower()
    while rest and rest not in hosts:
        rest = rest.partition(".")[2]
    return rest != ""


def _parents(host: str) -> list[str]:
    """``a.b.com`` gives ``a.b.com``, ``b.com``, ``com``."""
    rest = host.strip().strip(".").lower()
    parents = []
    while rest:
        parents.append(rest)
        rest = rest.partition(".")[2]
    return parents
