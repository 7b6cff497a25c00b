/* Keys and tokens for the tests of policy/token_key, made with the openssl command (genpkey, dgst,
 * pkeyutl, rsa) unless they are of an RFC. The claims of the tokens are {"sub":"org_1"}; they are
 * signed with rsa2048, with ed, or with the secret 0123456789abcdef0123456789abcdef. Nothing else
 * has ever been signed with these keys. */
#pragma once

static const char rsa2048_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1i8gLBrE9pKaPn576zve\n"
    "3C1AjtOpUp16U9yqYfPr2vJ459iZv/D8ogYCZVK2dSn5Ek+Gz0plfAN2vSF2h0OC\n"
    "uU/lc8W9YEblT4oWp2NYK5RVhD+nKdVOCuogRMjWCSoKJilPWvR90jwou4Bvg6wu\n"
    "Rj1fDXHwcKfyvdLykw6B0UA/s8xznJGEMMrtFKs8EevrElU4R1lzwVj5LnzwQbu2\n"
    "faM+2eu/23kwUHlfEYzw5y6l8giYSzXNolAvtR8wssI+RoYDJo0h5QbG29qFuBRD\n"
    "GePNTYEePx3CmIU3jTDKSM1EwckeBEm1e1ZuEz/6dnGWTY4mFH9nMXHtSfL9cDgP\n"
    "gwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

/* The same key as PKCS #1. */
static const char rsa_trad_public[] =
    "-----BEGIN RSA PUBLIC KEY-----\n"
    "MIIBCgKCAQEA1i8gLBrE9pKaPn576zve3C1AjtOpUp16U9yqYfPr2vJ459iZv/D8\n"
    "ogYCZVK2dSn5Ek+Gz0plfAN2vSF2h0OCuU/lc8W9YEblT4oWp2NYK5RVhD+nKdVO\n"
    "CuogRMjWCSoKJilPWvR90jwou4Bvg6wuRj1fDXHwcKfyvdLykw6B0UA/s8xznJGE\n"
    "MMrtFKs8EevrElU4R1lzwVj5LnzwQbu2faM+2eu/23kwUHlfEYzw5y6l8giYSzXN\n"
    "olAvtR8wssI+RoYDJo0h5QbG29qFuBRDGePNTYEePx3CmIU3jTDKSM1EwckeBEm1\n"
    "e1ZuEz/6dnGWTY4mFH9nMXHtSfL9cDgPgwIDAQAB\n"
    "-----END RSA PUBLIC KEY-----\n";

/* Another. */
static const char rsa2048b_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmi44gVLm0aN6He4eETp6\n"
    "GJIxnzwDpb5BtKJB5lc5i68THqq+DacLLh+X62TERZE5EprYrIBPQuN1klFdKNqU\n"
    "jzjl7ip60IeNwO6zIjXdelqNbDzlJ6+qgCsA8pZLYrvjMgZyUJKdgbYPxaJ8NdKA\n"
    "cMVnR0Le9C/KcuxOEd52RsRii4kt3Bsm0rcYvDi3dXFCL0H0rQH/x5n9JwzOGgPi\n"
    "f86REhknMinmIqNOMiR5UuGBSG1HrgNHyMLDwnzMqlyQuuXqzdlW2Sw8D6WS0+Vv\n"
    "/58PGEuA3VxinHNwy8hJJbstfV05MveHAswQ0pO0XNWX4RAjOKq0Jyo4sbcBkXRR\n"
    "4QIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

static const char rsa1024_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDi4LEtJkpTkKDIBueSTSclOIMJ\n"
    "Uw+eNGz1UPCkZgh8/0xQdCgwFv7009Q8Oa41PJQCPvrlcugblXhpbuhkVu1ALNFm\n"
    "sb/yOt50dZZ6cWRjvBqa6Cc+r1KExAaAeXmop/pDVPa7yRSaBemAtISTSdbDCBdD\n"
    "Lxs51eCcmgB2kaMuIwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

static const char rsa5120_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIICojANBgkqhkiG9w0BAQEFAAOCAo8AMIICigKCAoEAnYuHTVMedxojJxSWxW0c\n"
    "ocuvqG28mjcUiYaE6a9EHnDfGMeI9uKc4Ssz0SQJC719yLz3FduFf/4Oiu35ez1S\n"
    "2J4up1TJCHsZFj3U1EE8tiinjvoifE4wjQGpwESjdnl2s0zu0N10GzY0HxGfP9ab\n"
    "J4yG07cfnohe0fTS3/MMh5s4nygE5/DJeaB5Zamt+GZZOsfNCChiMMW3xDhvJqmW\n"
    "b4wuR64qiFzIisnGdmQKAUHwQbAzkIlYUpEJ+gFObIhV9DVkWucNOgHzlw0rgV5M\n"
    "2HxFWdIsSWuYOlEwEwzWh1MNxkkTSPDsiABTw5MOFuDf6AHqI4P0xHXT7Ec7O2fw\n"
    "CtB39TBuv8YKsLW7Sm3pQvguTmLJB5Rdeo58i6iJCY4WXWctJCMxTPe9puQhqINA\n"
    "d6Msb2CbM7v1GLXmxJS6N3koxBbHtnPkDy9l0VZhxiyhdvKTMjXx0ZxgOpWeJW6f\n"
    "jaDJbX67Ww41XhD5/H5MuElITqyfv9rZ0ezahltiZmjPrRmRM1sm2r+NGchm/dY1\n"
    "jPnj4ktlLoJnagzrZ9bj3OunpRO54DXPIqPsA08ooltiKUvFiuK3EPpc+zqCHJxo\n"
    "MAe7T4NdKoPqy/cEFZIuZwIlUvcVoqD5UkwNN1gRWl/3BABRf2fFNNVe9cvRwRXU\n"
    "U/hLBVZuQzh/03xyQn2jJGeYVPbviO5rDcrk8hUFJqYPiMwD3ViIUU0SfJbD1d25\n"
    "KIfmthmS8tDSGSMye2vxydjmjtJcJmTTSMTUUyny42Zi1M4NAqCNc4PsYOJ6cgUa\n"
    "rXrb/5qbc6T/83xGwTG12oGehNJZB8EHma1HFi2jHOQEqycZ/GD63y+CC1NasVfD\n"
    "5QIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

/* The modulus of rsa2048, and 1 for an exponent: whatever is sent is a signature. */
static const char rsa_e1_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEA1i8gLBrE9pKaPn576zve\n"
    "3C1AjtOpUp16U9yqYfPr2vJ459iZv/D8ogYCZVK2dSn5Ek+Gz0plfAN2vSF2h0OC\n"
    "uU/lc8W9YEblT4oWp2NYK5RVhD+nKdVOCuogRMjWCSoKJilPWvR90jwou4Bvg6wu\n"
    "Rj1fDXHwcKfyvdLykw6B0UA/s8xznJGEMMrtFKs8EevrElU4R1lzwVj5LnzwQbu2\n"
    "faM+2eu/23kwUHlfEYzw5y6l8giYSzXNolAvtR8wssI+RoYDJo0h5QbG29qFuBRD\n"
    "GePNTYEePx3CmIU3jTDKSM1EwckeBEm1e1ZuEz/6dnGWTY4mFH9nMXHtSfL9cDgP\n"
    "gwIBAQ==\n"
    "-----END PUBLIC KEY-----\n";

/* Of type RSASSA-PSS. */
static const char pss_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAKIGMPRAZGcsYer90kPUZI3I\n"
    "V4oEjR5aX2v5DPWnIHB8MO15h73/u2G/ZNtpk7QcFSgihKS1N0dY4Klgtw27pEQb\n"
    "Fviit/hJtaC7dRCmQt89NMuV3BPj6WczkFvLCHUW2CURLrxFCooXALidRJqDrIV5\n"
    "kYsJKbkaId8/VO+d4gV7e38iq8fLEqlDPFknkOo/lvkpeKLbG42f3CcAo+GsSH16\n"
    "NfLTS74lvAcGY0UAEzqJWY7NunVq1e+fN4cwSe37Yg14bDEm3f5ZnmbzhEVlxXoD\n"
    "vxxbhfUqwGDrn41OUOqXNxRmK/f8Yq3sXXC2LwYX2FFrnPyiSMsTS8moa4z2nqkC\n"
    "AwEAAQ==\n"
    "-----END PUBLIC KEY-----\n";

static const char ec_public[] = "-----BEGIN PUBLIC KEY-----\n"
				"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1V0nS2KWqJvzZRToRe84HDmpxamS\n"
				"dx0F64vW4CHfQpi9J+XJlto0/YHiC6rqeM3GsWzFnuPBau+l76D1GfalGg==\n"
				"-----END PUBLIC KEY-----\n";

static const char ed_public[] = "-----BEGIN PUBLIC KEY-----\n"
				"MCowBQYDK2VwAyEAEBu4zqje+SZvg+BJdRMwUX7RmyWWIhy99qC+MIdK04U=\n"
				"-----END PUBLIC KEY-----\n";

/* Another. */
static const char ed2_public[] = "-----BEGIN PUBLIC KEY-----\n"
				 "MCowBQYDK2VwAyEASnhgp7EmI6c0jCivAb3oCinre4O4p/CC3/rg5MS5Kp8=\n"
				 "-----END PUBLIC KEY-----\n";

static const char ed448_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MEMwBQYDK2VxAzoAU/xlYGTN6PZgv4J5cWMZ0nlvfKJpNallMixtCWB4A68mmnmm\n"
    "ga+oR4ZslpSpAHA/F6Y6cLn9J8uA\n"
    "-----END PUBLIC KEY-----\n";

/* RFC 7515, appendix A.2.1. */
static const char rfc7515_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
    "NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
    "P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
    "9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
    "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
    "FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
    "oQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

/* RFC 8037, appendix A.2. */
static const char rfc8037_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";

static const char token_hs384[] =
    "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.XWRlC3mmbU8TNbIXYU"
    "-1KkkXU73pKYDCzyKy-tRlTIFbJn9rMgN6EOMdFu-XW3eb";

static const char token_hs512[] =
    "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.hEzGNyIy81lJHnUD7U"
    "6Ls3UwDJAFtPw26Q4iPUYxCh_DEyN2VTZ6ouBjMHP8ftlmHh21c33ABD3g-JLpS7YF-g";

static const char token_rs256[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.xN0pxLNYEadqpvSgmg"
    "7k26mHvEL_-CACWQAIx6oEgzgj0suIJEBXw8uvgUrEvpkpamN4swERKObm3w9doIt3_XWbaf-zgG"
    "9gRwLSOtJloXmqTdKe0SOTR405wfrR3lRQzaAQ8tnabiT6tEEa9JgJGZ42S_aYS01YUcEmSWFGA0"
    "kBT2lk4Pjh1EvqfRJjXxe573328tn48DbNY8K05wLMPm7zzQ09twSlC-BmGrkN22zDNseSnn7TU4"
    "uGDEnNCC-W5qSOtb3Mvq0JbjNI6mcG3sVAv3_gR-kcVQ912qORqopxPmsb9GzdkdECfvWfmmwggR"
    "Pr2WeaXyG9RsnGvoWIaA";

static const char token_rs384[] =
    "eyJhbGciOiJSUzM4NCIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.QzJdrs43DuBzss009u"
    "M56w07z8pETfhHGUHF9Of7wMDgnsdjMEv3XdcaxPyOsk5a-eyKCSPljOS_gInM2i_gEPYkdM0ztA"
    "zXqqO5j-Niim9XgZSANcMfbaSuZABVtyYLRwoA6uqVbu4ZxROBTDTRZRu-4MzqtXhX30QPs1MGHQ"
    "sFcjRFWzf9DnCLDdvnIFKl163n1bWRQBctL68wwaOwNrY9hfzGVgVveMeqHh5wTm47Shv0I1ttLX"
    "Z-_0-BN56hL4AST3tr2Z9tXdErBx_7c1gmpP8P_4OpJo4KLW0KruJMmgTUON7XDT53GIG92uWFAv"
    "ZLXum-lvYG2u8NF0h78g";

static const char token_rs512[] =
    "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.V7BnqUSgYtzPeFVKVf"
    "j3RlNvvaynmDhnYwgJi0Du41OqO2-Xh313PeHAu96m7yznY4zAGyDV-md7QIurC9d7rhpf9Hymdh"
    "CxXD3T4VFFZbeEk_Axb20GjD0T9b-qdnL1YpFRQ5Ht416k8XH3rN3gCySZkN3NPxGTKHFLEYScrF"
    "6nYP6iDPvLiVnK1rqvrKwbRvh_yoWfzL5bGzDM4NMueIL0Nhii71Pz94QCN8jJjCtWsVxJo_HjEK"
    "pEV_pq3SJdxMyLTqnrr6SF4-81JDCYQdbzwS-K_zPio5W8aC73cnHh5qTTCRGvlKh5o4AU63FcOF"
    "LqFR2zHSwHnSeytAFlQA";

static const char token_eddsa[] =
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.RrocHTc_zA-nJvcNu7"
    "7U9E95iyzxyGsySzM46P2_XJILMGYXRpXJu-tuXJUpm5-bmshST0C6jwzuL1S_RY0IBQ";

/* Good signatures under another name. */
static const char token_rs256_lower[] =
    "eyJhbGciOiJyczI1NiJ9.eyJzdWIiOiJvcmdfMSJ9.fydhY0cE5wkQC7Age78mHAILzd-lOgjSBm"
    "syzX_8v7YJFcn8GEClib47E2381AdRXpXZ40e8t-GVVwcJ5xPPWN-WinTdWTRi-vC4TjJxczKCft"
    "7H4ltdHjNas6rfiQ425j4gjnG9QNDIljNFyqX-8Fq1CAzMVT2myejWwlD6DHi2tx_thSwNLiJXBQ"
    "VyUajuF_H2Gr9duggkMam_B6ycAjQ3jMyigwsNcmGxi3CjncQas59n0RxACYwe9Js4wuc2O50bAF"
    "t88KHwKqxbqq63IlH8LMZg4hpOIiFWWZKiDTIKA6Wveb3gw1KfSfBstRbQgpQpV79GUx8J-4CR-8"
    "bdtQ";

static const char token_rs256_as_rs512[] =
    "eyJhbGciOiJSUzUxMiJ9.eyJzdWIiOiJvcmdfMSJ9.gUIsRfo7rEoPsB1gLLJ2-ZD0JtLKKAIg8H"
    "6Hsrt7CDc0yV5Z-yEVRDZ9EFjQpKSmSIYxznqGvDj87qoUOMy8cghfS5NTov7NflfxKus521ZmZF"
    "pQKH0RKzfYRDxnUaC5_3U6nvIRwXH52-5TurpNBkC4X_GoqzBUELaKtMrFsxaF1LCs-goNJdlyxf"
    "8ipcNQbZjVsWzUGjKrtTwmYHSjFUP7KmB2LduznWILexEtAOgDyFm6hKkjjQcFW1QGoYkRygkXBa"
    "yY5pldw1cR79deRqrJGikaPX0GuerwG5giPvgshspZLmUXv0FPGXara4SiMb0CaiQqs1OJTLJytz"
    "F9nw";

static const char token_rs256_as_hs256[] =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9.KIenOZE3XmhK8OyMhaMdZZ1B08ISN5n-P4"
    "YuT-zuvHTEGa_ogYDx67t9UW715Wj5szc7GGojtc66PVPcYuxJyPlxJLaFhE-OS3ld6TNmlBwor3"
    "Iw0k-iAlBqxNWEv7qheeGHIrV9B3c_cQH3ls1fmtzBWd6vX6hXQE-uy0IFXhnBmsaOyEUt4PHSqj"
    "qhYJstF-cCAG9KXOEdCHTONd5-vnS7IABrlt2KB9hvK09gDHa2I5uIguAHO79l_-iULy7hWsVQbW"
    "yFGCClO0VVDcTjpk_Iu9OJ8MC15eRTA__fRIhLrdKu7zslW5AsxXuBgT72LX0hQelGdANxU1__2n"
    "JPxA";

static const char token_rs256_as_none[] =
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmdfMSJ9.MwbVtv6gqaEj-krixlTbQTr0cN9YhiYAngp"
    "uTU38uWLU4wTGADVGcU5oNALXE6VgLtgN7LPBsB1Js91_UStSgFZZQfRH0xq3pcxrRlbNrUXfWn8"
    "GWjs512Odn0ndYXRJ5auUhPb2S8lV8d9s-yj7CUdyUItYtRay3BjP-XMDChjGrE_fBbHbI7pGn2F"
    "xz6BkkGgAf04k9v2nnEZgR4e-hdANtRd5Cy-EQFYV2BL3aST5chgn_-dlHuWvAafd_CwB7aCv0jo"
    "wIMqjddyt_xzVa0f_Li1FVIlQiTc6t4kXOYkNkK3gzu0N8i_Za-SKoQyN45QILgkatiksA0y96mU"
    "zVw";

static const char token_eddsa_lower[] =
    "eyJhbGciOiJFRERTQSJ9.eyJzdWIiOiJvcmdfMSJ9.QiRMyGU__ykRfRjNNA-qT5WPQKYtuOwVtu"
    "t6QnA9UhAeCNBE89r30Ds1jK47eGdiR8vStGw90qcxNyckQRMYBw";

static const char token_ed25519[] =
    "eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiJvcmdfMSJ9.klz5A8tFQ9EWGiQMR2YilMsPfhxMi3M"
    "OuSTbJbtjJuyLVRbfgMBAK0feURO0Cy3p-B7ONWs8o_paHGA1OFfmAw";

/* With the other padding (PSS), under its own name and as RS256. */
static const char token_ps256[] =
    "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.SJRxtnIKTOiXZ9lGmK"
    "A2_TWp9aZAeKTM55qLtf4K-sK0TgX3U1z79u88DZ6C1bFJUyDfHs749HPPI1aPuVo5-goVjJmc7e"
    "9xAfotLrXjgQGj8N53elugO6N5IHxVw-ASaETma_Tgevbvl5aGZhAwYfLoq2zMeNTIVVGuA5MUjj"
    "SIULoc1lFpBNCcH7CcgDC9S_bJYJsqVh1u61ehTFtnJZjWTZ7SAUm1mWIct7A_3CC7pvCbVohv5Y"
    "ER0v6RtNDKCNlbq_K3_N6X4-Rs7ZchGZaSdUbsFHdKbONDhcTFm7GZAe2h4s3OTiToLPkTKMzyki"
    "aeMU3Uy-zXWgKBOpyKFg";

static const char token_ps256_as_rs256[] =
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9.MDDFEDmnhEY3xEdXCBv6cmWOw8Xp3YT6_W"
    "oBJ4wF__fRrOjEy-H9A5bu248Ua9Yr-n3qlEfUoDb6wpWPp47OgRTCWGlCvjO0Bt9PQTL9FQlsx2"
    "QSg2RP8ABhA9P7X38aTU4JG7awM4x3Hv6tmTOhd6PHPLlMRzkx3bl43Lw4es1R5YefIVwp24HlsG"
    "DsYdXEiiDhe3jnFcnMVtJ8cGuV8cGHik0omHJK42MQw_5E1Q13OEkdud18b4dwunNO5tf-P9XSNe"
    "qXN8FPIqrOel46adB-3Be_hiWaPFFHoI4egz5FdIqM2t4H8gJQEhL4t9prfWCDyta97RBzuWPMdK"
    "-ooA";

/* With the key ec. */
static const char token_es256[] =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.mgWrk_1SLzabi9UBZp"
    "CceDLu77vuzsLjbLTESuYQ1ENZQ7TbHfVBF8mq560sWL9XcyTSvwFdDQMow5jq2LafOQ";

/* The public key, which everybody may have, as the secret; the same without its last line feed. */
static const char token_hs256_of_public_key[] =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.6_t-KEnMyF4Nen3oqb"
    "C0FgrUi07jYi_dYCQFhxAOtR4";

static const char token_hs256_of_public_key_text[] =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.YU0LnWudlEC5tZf_wV"
    "pADNQq6u4V39SK8d5j0RY3RVg";

static const char token_hs256_as_rs256_of_public_key[] =
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvcmdfMSJ9.boJgcFV4vlW-nhL5DGRR-BS8nxXA9Esbuh"
    "zY9jOnDeo";

/* As long as a signature of ed25519. */
static const char token_hs512_of_ed_public_key[] =
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJvcmdfMSJ9.A7IfKTTUQjYIlNs1MFHMDK7Dh8os7c1PgD"
    "OsXxh5eh_vWn1l-QupAswd8pr8Uw0MEbtwQ8JeOJBDICGvoT5A-A";

/* The group's order added to S (RFC 8032, 5.1.7 forbids it): a second text of one token. */
static const char token_eddsa_malleable[] =
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSJ9.RrocHTc_zA-nJvcNu7"
    "7U9E95iyzxyGsySzM46P2_XJL4A1x0YPjbE8ILVDgIlX6wmshST0C6jwzuL1S_RY0IFQ";

/* The modulus added to a good signature. */
static const char token_rs256_wrapped[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSIsIm4iOjN9.3ZUWeRdwtq"
    "e69RGINIYDqWyISP3L0A3ZCiBS1Qn6kijUlKYsroSo4GZHM2QO-11fX7hAcvh_mp1aQa_Am6-5A5"
    "YwLXf-cVhbo_8kkFqeSHE8qwdJLPNQnfGPRNwZYuwTXM59lRTrm-V7eX7aCP9K6jgYMxJLBwlPRl"
    "JJzmH6PlSG1yA9Ay-rlpTh9ujMMIPrer7ql7sVzBvUxKnruMWhcxppOvUuzIlf59llXCTSMIV4X9"
    "TxCffPrDVj3yXGcs15yn7PKMhp1lk8kYKOL5dtDZ5bC-cm3lxE_ajjSjA_vE1bjVO1uQjSTBUSoa"
    "zYNeOHWoI3IhMdH0vsignJDJ3lkQ";

static const char token_rs256_unwrapped[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvcmdfMSIsIm4iOjN9.B2X2TPyrwB"
    "UgtpMMSUokzT9HuioifXBetkOocxYOtzZbrM2S7pOsPmBEzhFYhjNmTWi5o64aHpnjhI5KFGw2Sk"
    "ZKubJBERF2VHUN6PdGHNznJseiAx4CkwdvABNDWcIJNqUuOiBtyalSvf5qhVMco_q5JaBalmFciH"
    "9XO1N4bRRHI1PJZp4nZcn04j2QHpgAaGmyUGGiCsLbliz7dwnq9XcqYQlu8RAvl2AGSpfhSVbSbc"
    "xYvsICCeU0KgaVwAs7g_jMAjtH8VJ1tagId4Mp87qNvmYInz6CZSOrvP91c4AWy4qXtL8c0L6kjm"
    "zdv3HxDPQRDZO17dn_QBbLnGXWDg";

/* RFC 7515, appendix A.2. */
static const char token_rfc7515[] =
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA"
    "6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat"
    "0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"
    "1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07"
    "Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv"
    "Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77"
    "Rw";

/* RFC 8037, appendix A.4. */
static const char token_rfc8037[] =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnL"
    "WG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
